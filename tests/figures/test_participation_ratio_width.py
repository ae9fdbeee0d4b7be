"""Participation ratios against width: sums by hand over the frozen lists."""

import numpy as np
import pytest

from layercurv.figures import participation_ratio_width as module
from layercurv.figures.style import BLUE, VERMILION
from tests.compare import assert_close
from tests.figures.frozen import axes_of, read, records_of

WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)


@pytest.fixture(scope="module")
def axis():
    return axes_of(module, records_of(module)[::-1])[0]


def ratios(layer: int, key: str) -> np.ndarray:
    """Shape [widths, seeds]."""
    found = []
    for width in WIDTHS:
        for seed in range(3):
            entry = read(f"participation_ratio/mlp_width{width}_cifar10_seed{seed}.small.json")["measurements"][
                "layers"
            ][layer]
            values = np.array(entry[key])
            if key == "curvatures":
                values = values[(values > 0) & ~np.array(entry["is_null"])]
            found.append(sum(values) ** 2 / sum(values**2))
    return np.reshape(found, (len(WIDTHS), 3))


@pytest.mark.parametrize(("color", "key"), [(BLUE, "all_singular_values"), (VERMILION, "curvatures")])
@pytest.mark.parametrize(("layer", "line"), enumerate(("-", ":")))
def test_means_and_seeds_of_each_layer_are_drawn(axis, color, key, layer, line):
    expected = ratios(layer, key)
    (mean,) = (drawn for drawn in axis.lines if drawn.get_color() == color and drawn.get_linestyle() == line)
    assert_close(mean.get_ydata(), expected.mean(axis=1), 1e-9)
    marker = "os"[layer]
    seeds = [drawn.get_ydata() for drawn in axis.lines if drawn.get_color() == color and drawn.get_marker() == marker]
    assert_close(np.sort(seeds, axis=0), np.sort(expected.T, axis=0), 1e-9)


def test_the_band_is_the_printed_range(axis):
    (band,) = axis.patches
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((1.0, 1.8))
