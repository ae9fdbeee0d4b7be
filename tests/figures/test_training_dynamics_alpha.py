"""What is drawn of alpha along training and along the spectrum, against numpy's fits of the frozen lists."""

import itertools

import numpy as np
import pytest
from scipy import stats

from layercurv.figures import style, training_dynamics_alpha
from tests.compare import assert_close
from tests.figures.frozen import axes_of, records_of

CUTS = {50: (0, 13, 26, 38, 50), 32: (0, 8, 16, 24, 32), 16: (0, 4, 8, 12, 16)}  # array_split gives the first ones more


@pytest.fixture
def records():
    return records_of(training_dynamics_alpha)


@pytest.fixture
def axes(records):
    return axes_of(training_dynamics_alpha, records)


def logs(layer: dict, first: int = 0, last: int | None = None):
    return (np.log(layer[key][first:last]) for key in ("singular_values", "curvatures"))


def slope(layer: dict, first: int = 0, last: int | None = None) -> float:
    return np.polyfit(*logs(layer, first, last), 1)[0]


def half_width(layer: dict, first: int, last: int) -> float:
    x, y = logs(layer, first, last)
    return stats.linregress(x, y).stderr * stats.t.ppf(0.975, x.size - 2)


def quarters(layer: dict):
    cuts = CUTS[len(layer["curvatures"])]
    return list(itertools.pairwise(cuts))


def convolutions(layers: list[dict]) -> list[dict]:
    return [layer for layer in layers if layer["kind"] == "conv"]


def curves(axis, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The faint lines of one seed, shape [layers, points], and the line of their means."""
    color, marker, _ = training_dynamics_alpha.SEED_STYLES[seed]
    lines = [line for line in axis.lines if line.get_color() == color]
    (mean,) = [line for line in lines if line.get_marker() == marker]
    return np.array([line.get_ydata() for line in lines if line is not mean]), mean.get_ydata()


@pytest.mark.parametrize("seed", range(3))
def test_every_convolution_is_drawn_at_every_epoch(axes, records, seed):
    epochs = records[seed]["measurements"]["epochs"]
    expected = np.array([[slope(layer) for layer in convolutions(entry["layers"])] for entry in epochs])
    layers, means = curves(axes[0], seed)
    assert layers.shape == (20, 5)
    assert_close(layers, expected.T, 1e-8)
    assert_close(means, expected.mean(1), 1e-8)
    assert axes[0].lines[0].get_xdata().tolist() == [0, 1, 3, 5, 8]


@pytest.mark.parametrize("seed", range(3))
def test_every_quarter_of_the_wide_convolutions_is_drawn(axes, records, seed):
    wide = [la for la in convolutions(records[3 + seed]["measurements"]["layers"]) if len(la["curvatures"]) == 50]
    expected = np.array([[slope(layer, *ends) for ends in quarters(layer)] for layer in wide])
    layers, means = curves(axes[1], seed)
    assert layers.shape == (9, 4)
    assert_close(layers, expected, 1e-8)
    assert_close(means, expected.mean(0), 1e-8)
    stored = [[quarter["slope"] for quarter in layer["quartiles"]] for layer in wide]
    assert_close(stored, expected, 1e-8)


def test_narrower_convolutions_are_averaged_apart(axes, records):
    layers = [layer for record in records[3:6] for layer in convolutions(record["measurements"]["layers"])]
    narrow = [layer for layer in layers if len(layer["curvatures"]) < 50]
    assert len(narrow) == 3 * 11
    (drawn,) = [line for line in axes[1].lines if line.get_marker() == "x"]
    expected = np.mean([[slope(layer, *ends) for ends in quarters(layer)] for layer in narrow], axis=0)
    assert_close(drawn.get_ydata(), expected, 1e-8)


def test_bars_reach_the_median_interval_about_the_slope_of_all_directions(axes, records):
    layers = [layer for record in records[3:6] for layer in convolutions(record["measurements"]["layers"])]
    wide = [layer for layer in layers if len(layer["curvatures"]) == 50]
    whole = np.mean([slope(layer) for layer in wide])
    reach = np.median([[half_width(layer, *ends) for ends in quarters(layer)] for layer in wide], axis=0)
    (bars,) = axes[1].containers
    segments = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    assert_close(segments, np.stack([whole - reach, whole + reach], 1), 1e-8)


def test_the_source_papers_values_are_thin_lines(axes):
    black = [line.get_ydata()[0] for line in axes[0].lines if line.get_color() == style.BLACK]
    assert black == [1.5, 2.0]
