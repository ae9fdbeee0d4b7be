"""What is drawn of the frozen records is what numpy and scipy find in their lists."""

import numpy as np
import pytest
import scipy.stats

from layercurv.figures import kronecker_spectrum_quality as module
from layercurv.figures import style
from tests.compare import assert_close
from tests.figures.frozen import records_of

FIVE = {"conv1", "layer1.0.conv2", "layer2.0.conv1", "layer3.0.conv1", "layer4.0.conv2"}


def gap(layer: dict) -> float:
    return abs(layer["fits"]["alpha"]["slope"] - 2)


def slack(layer: dict, kind: str = "empirical") -> float:
    used = [c for c, null in zip(layer["gap"][kind]["concentration"], layer["is_null"], strict=True) if not null]
    return abs(np.median(used) - 1)


def log_ratios(layer: dict) -> np.ndarray:
    noise = layer["kinds"]["empirical"]["noise"]["mean_log"]
    return np.log(layer["gradient_singular_values"][: len(noise)]) - noise


def mismatch(layer: dict) -> float:
    return np.sqrt(np.mean(log_ratios(layer) ** 2))


@pytest.fixture(scope="module")
def layers() -> dict:
    records = records_of(module)
    return {
        name: [record["measurements"]["layers"] for record in records if record["experiment"] == name]
        for name in ("conv_gap", "kronecker_spectrum")
    }


@pytest.fixture(scope="module")
def axes():
    records = records_of(module)
    with style.styled():
        return {axis.get_title(loc="left")[0]: axis for axis in module.draw(records).axes}


def points(axis) -> np.ndarray:
    found = np.concatenate([np.column_stack(line.get_data()) for line in axis.lines])
    return found[np.lexsort(found.T)]


@pytest.mark.parametrize(("panel", "name", "miss"), [("a", "conv_gap", slack), ("b", "kronecker_spectrum", mismatch)])
def test_scatters_hold_every_layer_of_every_seed(axes, layers, panel, name, miss):
    expected = np.array([(gap(layer), miss(layer)) for network in layers[name] for layer in network])
    assert_close(points(axes[panel]), expected[np.lexsort(expected.T)], 1e-9)


def test_groups_are_told_apart(axes, layers):
    n_seeds = len(layers["conv_gap"])
    by_color = {line.get_markeredgecolor(): len(line.get_xdata()) for line in axes["a"].lines}
    # ResNet-18: the five, fifteen other convolutions of which three are shortcuts, one head
    expected = {style.VERMILION: 5, style.BLUE: 12, style.GREEN: 3, style.ORANGE: 1}
    assert by_color == {color: count * n_seeds for color, count in expected.items()}
    by_color = {line.get_markeredgecolor(): len(line.get_xdata()) for line in axes["b"].lines}
    # ResNet-50: 16 blocks of 1 x 1, 3 x 3, 1 x 1, four shortcuts, a stem and a head
    n_seeds = len(layers["kronecker_spectrum"])
    expected = {style.VERMILION: 0, style.BLUE: 17, style.GREEN: 36, style.ORANGE: 1}
    assert by_color == {color: count * n_seeds for color, count in expected.items()}


def correlations(networks: list, miss, chosen=lambda layer: True, is_partial: bool = False) -> list[float]:
    found = []
    for network in networks:
        used = [layer for layer in network if chosen(layer)]
        lists = np.array([[gap(layer) for layer in used], [miss(layer) for layer in used]])
        r = np.corrcoef([*lists, np.arange(len(used))])
        partial = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
        found.append(partial if is_partial else scipy.stats.pearsonr(*lists).statistic)
    return found


def test_rows_show_the_correlation_of_every_seed_within_its_interval(axes, layers):
    a, b = layers["conv_gap"], layers["kronecker_spectrum"]

    def is_convolution(layer):
        return layer["kind"] == "conv"

    def decorrelation(layer):
        noise = layer["kinds"]["empirical"]["noise"]["mean_log"]
        return 1 - scipy.stats.pearsonr(np.log(layer["gradient_singular_values"][: len(noise)]), noise).statistic

    expected = [
        *correlations(a, slack, lambda layer: layer["name"] in FIVE),
        *correlations(a, slack),
        *correlations(a, slack, is_convolution),
        *correlations(a, slack, is_convolution, True),
        *correlations(a, lambda layer: slack(layer, "ggn"), is_convolution),
        *correlations(a, lambda layer: slack(layer, "ggn"), is_convolution, True),
        *correlations(b, mismatch),
        *correlations(b, mismatch, is_partial=True),
        *correlations(b, decorrelation),
    ]
    lines = axes["c"].lines[1:]  # the first is zero
    intervals, dots = lines[::2], lines[1::2]
    assert_close([dot.get_xdata()[0] for dot in dots], expected, 1e-9)
    for interval, r in zip(intervals, expected, strict=True):
        low, high = interval.get_xdata()
        assert low < r < high


def test_grey_bands_are_what_chance_gives_so_many_layers(axes):
    widths = [bar.get_width() / 2 for bar in axes["c"].patches]
    assert [bar.get_x() for bar in axes["c"].patches] == pytest.approx([-width for width in widths])
    for width, n in zip(widths, (5, 21, 20, 20, 20, 20, 54, 54, 54), strict=True):
        t = scipy.stats.t.ppf(0.975, n - 2)
        assert abs(width - t / np.sqrt(n - 2 + t**2)) < 0.04  # two-sided, of a normal sample


def test_ratios_are_those_of_the_first_and_last_singular_value(axes, layers):
    drawn = axes["d"].lines[1:]  # the first is one
    networks = layers["kronecker_spectrum"]
    for rank, lines in ((0, drawn[: len(networks)]), (-1, drawn[len(networks) :])):
        for line, network in zip(lines, networks, strict=True):
            assert_close(line.get_xdata(), np.arange(1, 55), 1e-12)
            assert_close(line.get_ydata(), [np.exp(log_ratios(layer)[rank]) for layer in network], 1e-9)
