"""What is drawn of sampling noise, against numpy's fits of the frozen lists."""

import numpy as np
import pytest

from layercurv.figures import sampling_noise_alpha, sampling_noise_batch
from layercurv.figures.layer_roles import role_in
from layercurv.figures.noise_subjects import FIXED_ON
from tests.compare import assert_close
from tests.figures.frozen import axes_of, records_of
from tests.reference.noise import quantity


def by_variant(records: list[dict], experiment: str) -> dict[str, dict]:
    return {r["variant"]: r["measurements"] for r in records if r["experiment"] == experiment}


def points(axis, which: str) -> np.ndarray:
    """All x (or y) of the marks on an axis, sorted; lines that guide the eye have no marker."""
    marks = [line for line in axis.lines if line.get_marker() in ("o", "x") and len(line.get_xdata())]
    return np.sort(np.concatenate([np.atleast_1d(getattr(line, f"get_{which}data")()) for line in marks]).astype(float))


@pytest.fixture(scope="module")
def alpha():
    records = records_of(sampling_noise_alpha)
    said, found = (by_variant(records, name) for name in ("noise_prediction", "sampling_noise"))
    return said, found, axes_of(sampling_noise_alpha, records)


def test_every_layer_is_drawn_in_sample_and_out_of_sample(alpha):
    _, found, (kinds, *_) = alpha
    names = ("sampled_alpha", "unselected_exponent_true")
    expected = [quantity(name, layer) for record in found.values() for layer in record["layers"] for name in names]
    assert_close(points(kinds, "x"), np.sort(expected), 1e-8)


def test_each_kind_has_its_row(alpha):
    _, found, (kinds, *_) = alpha
    roles = {role_in(layer, record["layers"]) for record in found.values() for layer in record["layers"]}
    assert len(kinds.get_yticks()) == len(roles)


@pytest.mark.parametrize(("panel", "kind"), [(1, "sign_flips"), (2, "signal_plus_noise")])
def test_predictions_are_drawn_for_the_networks_they_were_not_fixed_on(alpha, panel, kind):
    said, found, axes = alpha
    blind = [variant for variant in found if not variant.startswith(FIXED_ON)]
    measured = [quantity("sampled_alpha", layer) for variant in blind for layer in found[variant]["layers"]]
    predicted = [np.mean(layer[kind]["alphas"]) for variant in blind for layer in said[variant]["layers"]]
    assert_close(points(axes[panel], "y"), np.sort(measured), 1e-8)
    assert_close(points(axes[panel], "x"), np.sort(predicted), 1e-12)


@pytest.fixture(scope="module")
def batch():
    records = records_of(sampling_noise_batch)
    said, found = (by_variant(records, name) for name in ("noise_prediction", "sampling_noise"))
    return said, found, axes_of(sampling_noise_batch, records)


@pytest.mark.parametrize(("panel", "variants"), [(0, sampling_noise_batch.BATCHES), (1, sampling_noise_batch.EPOCHS)])
def test_means_over_convolutions_are_drawn(batch, panel, variants):
    said, found, axes = batch
    measured, predicted = [], []
    for variant in variants.values():
        seeds = [name for name in found if name.startswith(f"{variant}_seed")]
        convolutions = [[la for la in found[name]["layers"] if la["kind"] == "conv"] for name in seeds]
        measured += [np.mean([quantity("sampled_alpha", la) for la in layers]) for layers in convolutions]
        draws = [
            [np.mean(la["signal_plus_noise"]["alphas"]) for la in said[n]["layers"] if la["kind"] == "conv"]
            for n in seeds
        ]
        predicted.append(np.mean([np.mean(values) for values in draws]))
    assert_close(points(axes[panel], "y"), np.sort(measured), 1e-8)
    (line,) = [line for line in axes[panel].lines if line.get_marker() == "D"]
    assert_close(line.get_ydata(), predicted, 1e-8)


def test_crossovers_are_drawn_for_every_layer(batch):
    said, _, axes = batch
    for mark in [line for line in axes[2].lines if line.get_marker() == "_"]:
        (epoch,) = mark.get_xdata()
        variant = sampling_noise_batch.EPOCHS[int(epoch)]
        values = []
        for seed in range(3):
            record = said[f"{variant}_seed{seed}"]
            values += [
                quantity("crossover_batch", {"measurements": record | {"layers": [la]}}) for la in record["layers"]
            ]
        assert_close(mark.get_ydata()[0], np.median(values), 1e-8)
