"""What is drawn of Spectral Newton's cosine with the gradient, against frozen lists; its bound, against spectra."""

from collections import Counter

import numpy as np
import pytest

from layercurv.figures import spectral_newton_cosine as module
from layercurv.figures import style
from layercurv.models import resnet18_cifar
from tests.compare import assert_close
from tests.figures.frozen import axes_of, named_records_of

VARIANTS = ("adamw", "sgd", "muon", "spectral_newton_2")


@pytest.fixture
def records():
    return named_records_of(module)


@pytest.fixture
def axes(records):
    return dict(zip(("first", "count", "last"), axes_of(module, list(records.values())), strict=True))


def layers(records, variant, seed, time):
    record = records[f"spectral_newton/{variant}_cifar10_seed{seed}.small.json"]
    assert [entry["epoch"] for entry in record["measurements"]["cosines"]] == [0, 3]
    return record["measurements"]["cosines"][time]["layers"]


@pytest.mark.parametrize(("panel", "time"), [("first", 0), ("last", 1)])
def test_every_layer_and_seed_of_its_own_runs_is_drawn(axes, records, panel, time):
    for seed, line in enumerate(axes[panel].lines):
        expected = [layer["cosine"]["alpha_2"] for layer in layers(records, "spectral_newton_2", seed, time)]
        assert_close(line.get_ydata(), expected, 1e-12, what=f"seed {seed}")
    assert len(axes[panel].lines) == 3


def test_the_start_is_the_same_for_all_optimisers(records):
    for seed in range(3):
        starts = [layers(records, variant, seed, 0) for variant in VARIANTS]
        assert all(found == starts[0] for found in starts)


def test_points_stand_over_the_number_of_large_singular_values(axes, records):
    model = resnet18_cifar(8, 10)
    sizes = {name: min(w.shape[0], w[0].numel()) for name, w in model.named_parameters() if w.ndim > 1}
    expected = Counter()
    cases = [("spectral_newton_2", 0), *((variant, 1) for variant in VARIANTS)]
    for variant, time in cases:
        for seed in range(3):
            for layer in layers(records, variant, seed, time):
                n_above = (1 - layer["share_below_damping"]) * sizes[f"{layer['name']}.weight"]
                assert n_above == pytest.approx(round(n_above), abs=1e-9)
                expected[round(n_above), layer["cosine"]["alpha_2"]] += 1
    lines = [line for line in axes["count"].lines if line.get_linestyle() == "None"]
    drawn = Counter((int(np.floor(x + 0.5)), y) for line in lines for x, y in zip(*line.get_data(), strict=True))
    assert drawn == expected and sum(drawn.values()) == 5 * 3 * 21


def test_no_spectrum_below_the_damping_has_a_cosine_below_the_bound_and_one_comes_close():
    rng, d = np.random.default_rng(0), 0.1
    spectra = [np.sqrt(d) * rng.random(n) ** power for n in (2, 8, 64) for power in (1, 4, 12) for _ in range(50)]
    spectra.append(np.sqrt(d) * np.r_[1.0, np.full(100_000, 5e-6**0.5)])  # two thirds of sum sigma^2 at d
    cosines = []
    for sigma in spectra:
        step = sigma / (sigma**2 + d)
        cosines.append(sigma @ step / np.linalg.norm(sigma) / np.linalg.norm(step))
    assert module.BOUND <= min(cosines) < module.BOUND + 1e-4


def test_the_bound_is_drawn_and_kept_by_every_layer_without_a_large_singular_value(axes):
    bound = next(line for line in axes["count"].lines if line.get_color() == style.BLACK)
    assert_close(bound.get_ydata(), [8**0.5 / 3] * 2, 1e-12)
    lines = [line for line in axes["count"].lines if line.get_linestyle() == "None"]
    below = [y for line in lines for x, y in zip(*line.get_data(), strict=True) if x < 0.5]
    assert len(below) > 100 and min(below) > 8**0.5 / 3
