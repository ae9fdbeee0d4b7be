"""The two experiments on sampling noise at smoke scale: their parts fit together, and each other."""

import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import fit_power_law
from tests.experiments.smoke import smoke_record

VIT = ("subject=vit_cifar10",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module", params=[(), VIT], ids=["resnet18", "vit"])
def pair(request, folder):
    variant = f"net{len(request.param)}"
    experiments = ("noise_prediction", "sampling_noise")
    return [smoke_record(name, folder, *request.param, variant=variant)["measurements"] for name in experiments]


def test_both_are_of_one_network_and_the_same_layers(pair):
    predicted, measured = pair
    assert predicted["weights_sha256"] == measured["weights_sha256"]
    assert [la["name"] for la in predicted["layers"]] == [la["name"] for la in measured["layers"]]


def test_alpha_is_two_plus_information_minus_selection(pair):
    for layer in pair[1]["layers"]:
        for fit in layer["fits"].values():
            terms = fit["terms"]
            if terms is not None:
                assert terms["alpha"] == pytest.approx(2 + terms["information"] - terms["selection"], abs=1e-9)


def test_the_batch_gradient_is_the_mean_of_its_samples(pair):
    # M is at least the squared mean: sigma_k^2 cannot exceed it, and c_k not B.
    for layer in pair[1]["layers"]:
        sigma, M = (np.array(layer["true"][key]) for key in ("singular_values", "second_moments"))
        used = ~np.array(layer["true"]["is_null"])  # a null direction's sigma is the rounding error of the sum
        assert (sigma**2 <= M * (1 + 1e-5))[used].all(), layer["name"]


def test_curvature_on_a_relu_network_is_the_gauss_newton_value_and_else_exact(pair):
    for layer in pair[1]["layers"]:
        same = layer["curvatures"] == layer["true"]["ggn_curvatures"]
        assert same == (layer["engine"] == "ggn"), layer["name"]


def test_every_null_has_its_draws(pair):
    counts = {"sign_flips": 4, "model_noise": 2, "separable_gaussian": 2, "signal_plus_noise": 2, "signal": 1}
    for layer in pair[0]["layers"]:
        for kind, n in counts.items():
            assert layer[kind] is None or len(layer[kind]["alphas"]) == n, (layer["name"], kind)


def test_the_exponent_can_be_read_off_the_mean_spectra(pair):
    # Averaging logarithms and fitting commute where all draws use the same directions.
    for layer in pair[0]["layers"]:
        found = layer["signal"]
        if found is not None:
            sigma, h = (np.exp(found[key]) for key in ("mean_log_singular_values", "mean_log_curvatures"))
            assert fit_power_law(sigma, h).slope == pytest.approx(found["alphas"][0], abs=1e-9)


def test_layers_in_groups_give_the_same_record(folder):
    whole = smoke_record("noise_prediction", folder, variant="whole")["measurements"]
    parts = smoke_record("noise_prediction", folder, "sampling.layers_at_once=8", variant="parts")["measurements"]
    for one, other in zip(whole["layers"], parts["layers"], strict=True):
        assert one["sign_flips"]["alphas"] == pytest.approx(other["sign_flips"]["alphas"], rel=1e-5), one["name"]


def test_few_samples_check_the_ggn_value_where_the_exact_one_is_left_out(folder):
    overrides = (*VIT, "sampling.exact_samples=4")
    for layer in smoke_record("sampling_noise", folder, *overrides, variant="few")["measurements"]["layers"]:
        assert (layer["curvatures"] is None) == (layer["hessian_check"] is not None) == (layer["engine"] != "ggn")


def test_weights_from_along_the_training_differ(folder):
    first = smoke_record("sampling_noise", folder, "sampling.epoch=0", variant="start")["measurements"]
    last = smoke_record("sampling_noise", folder, variant="end")["measurements"]
    assert first["weights_sha256"] != last["weights_sha256"]


def test_a_batch_of_no_whole_micro_batches_is_refused(folder):
    with pytest.raises(InputError, match=r"curvature.n_samples: expected a multiple of curvature.micro_batch \(64\)"):
        smoke_record("sampling_noise", folder, "curvature.n_samples=33", variant="odd")


def test_a_batch_larger_than_what_is_reserved_is_refused(folder):
    with pytest.raises(InputError, match=r"sampling.n_reserved: .* from 256 on .*, got 128"):
        smoke_record("sampling_noise", folder, "curvature.n_samples=128", variant="large")


def test_a_language_model_writes_the_samples_of_both_experiments(folder):
    text = ("subject=gpt2_shakespeare", "data=synthetic_text")
    own = (*text, "sampling.start_token=10")
    records = [smoke_record(name, folder, *own, variant="own") for name in ("noise_prediction", "sampling_noise")]
    predicted, measured = (record["measurements"] for record in records)
    assert "drawn from the network itself" in records[0]["provenance"]["data"]["source"]
    given = smoke_record("noise_prediction", folder, *text, variant="given")["measurements"]
    assert given["layers"][0]["pool_squared_norm"] != predicted["layers"][0]["pool_squared_norm"]
    assert measured["weights_sha256"] == predicted["weights_sha256"]


def test_what_is_no_language_model_cannot_write(folder):
    with pytest.raises(InputError, match=r"sampling.start_token: expected null, since .*resnet.* writes no text"):
        smoke_record("noise_prediction", folder, "sampling.start_token=0")
