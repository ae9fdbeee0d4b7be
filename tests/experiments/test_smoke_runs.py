"""Every experiment at smoke scale: a valid record whose parts fit together. Runs share one folder, so networks too."""

import math

import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import fit_power_law, usable_directions
from layercurv.results.headlines import HEADLINES, headlines
from tests.experiments.smoke import smoke_record

TEXT = ("subject=gpt2_shakespeare", "data=synthetic_text")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def record(folder):
    made = {}

    def run(experiment, *overrides):
        key = (experiment, *overrides)
        if key not in made:
            made[key] = smoke_record(experiment, folder, *overrides, variant=f"run{len(made)}")
        return made[key]

    return run


@pytest.mark.parametrize("experiment", sorted(set(HEADLINES) - {"depth_bifurcation"}))
def test_every_record_gives_finite_headlines(record, experiment):
    found = headlines(record(experiment))
    assert found and all(math.isfinite(value) for value in found.values()), found


@pytest.mark.parametrize(
    "overrides",
    [
        ("subject=vgg11_cifar10", "data.image_size=32"),
        ("subject=mlp_cifar10",),
        ("subject=vit_cifar10",),
        ("subject=mobilenet_v2_cifar10",),
        ("subject=convnext_cifar10",),
        # At the recipe's rate this narrow network is certain of everything, and its curvature underflows.
        ("subject=resnet50_tiny_imagenet", "data.image_size=32", "optimizer.learning_rate=0.01"),
        TEXT,
    ],
    ids=lambda overrides: overrides[0].removeprefix("subject="),
)
def test_alpha_map_measures_every_layer_of_every_subject(record, overrides):
    layers = record("alpha_map", *overrides)["measurements"]["layers"]
    assert all(len(layer["curvatures"]) == len(layer["singular_values"]) for layer in layers)
    assert [layer["depth"] for layer in layers] == list(range(1, len(layers) + 1))


@pytest.mark.parametrize("norm", ["rms", "batch", "none"])
def test_an_ablation_measures_a_network_without_layer_norm(record, norm):
    found = record("controlled_ablations", f"model.norm={norm}")
    assert found["provenance"]["config"]["model"]["norm"] == norm


def test_a_text_classifier_is_measured(record):
    found = record("controlled_ablations", "subject=gpt2_classifier_novels", "data=synthetic_labelled_text")
    assert found["measurements"]["layers"][-1]["shape"][0] == 2


def test_on_a_relu_network_double_backpropagation_gives_the_gauss_newton_value(record):
    for layer in record("hvp_validation")["measurements"]["layers"]:
        exact, ggn = np.array(layer["curvatures"]), np.array(layer["ggn_curvatures"])
        assert np.abs(exact - ggn).max() <= 1e-4 * np.abs(exact).max(), layer["name"]


def test_finite_differences_of_the_gradient_meet_the_exact_value_at_a_middle_step(record):
    for layer in record("hvp_validation")["measurements"]["layers"]:
        found = layer["finite_differences"]
        exact = np.array(found["exact"])
        errors = {
            e["step"]: np.abs(np.array(e["curvatures"]) - exact).max() / np.abs(exact).max()
            for e in found["estimates"]
            if e["form"] == "gradient"
        }
        assert min(errors.values()) < 0.05, layer["name"]


def test_halves_are_different_samples(record):
    for layer in record("alpha_triangle")["measurements"]["layers"]:
        assert layer["a"]["curvatures"] != layer["b"]["curvatures"]
        assert layer["crossed"]["curvatures"] != layer["b"]["curvatures"]


def test_crossed_slopes_are_smaller_than_the_singular_values_of_their_own_half(record):
    """sigma_1 is the largest slope any direction has on half b, so another half's directions cannot exceed it."""
    for layer in record("alpha_triangle")["measurements"]["layers"]:
        assert max(np.abs(layer["crossed"]["slopes"])) <= layer["b"]["singular_values"][0] * (1 + 1e-5)


def test_kronecker_and_chi_slopes_sum_to_alpha(record):
    for layer in record("conv_gap")["measurements"]["layers"]:
        if layer["fits"] is None:
            continue
        for gap in layer["gap"].values():
            slopes = [gap["slopes"][name]["slope"] for name in ("kronecker", "chi")]
            assert sum(slopes) == pytest.approx(layer["fits"]["alpha"]["slope"], abs=1e-9)


def test_chi_is_concentration_times_sums_over_positions_for_the_gauss_newton_factor(record):
    for layer in record("conv_gap")["measurements"]["layers"]:
        gap = layer["gap"]["ggn"]
        keep = usable_directions(layer["singular_values"], layer["curvatures"], layer["is_null"])
        product = np.array(gap["concentration"]) * np.array(gap["sud"])
        chi = np.array(gap["chi"], dtype=float)
        assert product[keep] == pytest.approx(chi[keep], rel=1e-3), layer["name"]


def test_the_first_measured_epoch_is_the_initialisation_and_the_last_the_trained_network(record):
    found, trained = record("training_dynamics")["measurements"], record("full_spectrum")["measurements"]
    assert [entry["epoch"] for entry in found["epochs"]] == [0, 1, 2]
    last = found["epochs"][-1]["layers"]
    for layer, same in zip(last, trained["layers"], strict=True):
        K = len(layer["singular_values"])
        assert layer["singular_values"] == pytest.approx(same["singular_values"][:K], rel=1e-5)
    assert found["epochs"][0]["layers"][0]["singular_values"] != last[0]["singular_values"]


def test_quartiles_are_fits_of_consecutive_directions(record):
    for layer in record("full_spectrum")["measurements"]["layers"]:
        for quarter in filter(None, layer["quartiles"] or []):
            part = slice(quarter["first_k"] - 1, quarter["last_k"])
            again = fit_power_law(layer["singular_values"][part], layer["curvatures"][part])
            assert quarter["slope"] == pytest.approx(again.slope)


def test_smaller_batches_are_the_first_samples_of_larger_ones(record):
    profiles = record("rank_profile")["measurements"]["profiles"]
    assert [(p["epoch"], p["n_samples"]) for p in profiles] == [(0, 32), (0, 64), (2, 32), (2, 64)]


def test_participation_counts_all_directions_of_the_gradient(record):
    for layer in record("participation_ratio")["measurements"]["layers"]:
        sigma = np.array(layer["all_singular_values"])
        assert len(sigma) == min(layer["shape"])
        assert layer["participation"]["gradient"] == pytest.approx(sigma.sum() ** 2 / (sigma**2).sum())


def test_weight_spectra_sum_to_the_squared_norm(record):
    same_network = record("hvp_validation")["measurements"]["layers"]
    for layer, same in zip(record("weight_tail")["measurements"]["layers"], same_network, strict=True):
        assert len(layer["weight_eigenvalues"]) == min(layer["shape"])
        assert sum(layer["weight_eigenvalues"]) == pytest.approx(same["weight_norm"] ** 2, rel=1e-5)
        assert layer["tail"] is not None or "tail" in layer["missing"]


def test_the_rate_that_was_best_on_held_out_images_is_the_one_trained_with(record):
    found = record("spectral_newton")
    measured = found["measurements"]
    tried = {(entry["learning_rate"], entry["weight_decay"]): entry["accuracy"] for entry in measured["tuning"]}
    assert len(tried) == 4 and next(iter(tried)) == pytest.approx((0.01, 0.05))
    best = max(value for value in tried.values() if value is not None)
    assert tried[measured["learning_rate"], measured["weight_decay"]] == best
    seconds = found["provenance"]["epoch_processor_s"]
    assert len(seconds) == 2 and 0 < seconds[0] < seconds[1]
    assert found["provenance"]["data"]["n_train"] == 256  # all of them, when it counts


def test_measured_exponents_are_recorded_for_every_layer(record):
    assert len(record("spectral_newton", "optimizer.alpha=measured")["measurements"]["alphas"]) == 21
    assert len(record("scalar_preconditioner")["measurements"]["exponents"]) == 21
    assert record("scalar_preconditioner", "optimizer=adam")["measurements"]["exponents"] is None


def test_a_layer_pattern_chooses_layers_and_one_that_fits_none_lists_them_all(record, folder):
    found = record("full_spectrum", "+curvature.layers=[layer4.*,fc]")["measurements"]["layers"]
    assert [layer["name"] for layer in found] == [
        "layer4.0.conv1", "layer4.0.conv2", "layer4.0.downsample.0", "layer4.1.conv1", "layer4.1.conv2", "fc",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"no weight layer fits 'layer9.\*'; the network has: conv1, layer1"):
        smoke_record("full_spectrum", folder, "+curvature.layers=[layer9.*]", variant="none")


def test_a_contest_on_fewer_images_trains_anew(record):
    all_images = record("scalar_preconditioner", "optimizer=adam")["measurements"]["training"]
    fewer = record("scalar_preconditioner", "optimizer=adam", "contest.train_limit=192")["measurements"]["training"]
    assert fewer["n_steps"] < all_images["n_steps"] and fewer["history"] != all_images["history"]
