"""alpha against the number of images: exponents by numpy from the frozen lists."""

import numpy as np
import pytest

from layercurv.figures import alpha_map_samples as module
from tests.compare import assert_close
from tests.figures.frozen import axes_of, read, records_of

NAMES = {
    64: "resnet18_cifar10_B64",
    512: "resnet18_cifar10_B512",
    2048: "resnet18_cifar10",
    8192: "resnet18_cifar10_B8192",
}


@pytest.fixture(scope="module")
def axes():
    return axes_of(module, records_of(module)[::-1])  # the order must not matter


def alphas(B: int, seed: int, kinds=("conv", "linear")) -> list[float]:
    record = read(f"alpha_map/{NAMES[B]}_seed{seed}.small.json")
    assert record["measurements"]["n_samples"] == B
    slopes = []
    for layer in record["measurements"]["layers"]:
        sigma, h = np.array(layer["singular_values"]), np.array(layer["curvatures"])
        used = ~np.array(layer["is_null"]) & (h > 0)
        if layer["kind"] in kinds:
            slopes.append(np.polyfit(np.log(sigma[used]), np.log(h[used]), 1)[0])
    return slopes


def test_lines_are_means_over_seeds_of_every_layer(axes):
    lines = [line for line in axes[0].lines if len(line.get_xdata()) == 21]
    for line, B in zip(lines, NAMES, strict=True):
        assert line.get_label() == f"$B$ = {B}"
        assert_close(line.get_ydata(), np.mean([alphas(B, seed) for seed in range(3)], axis=0), 1e-9, what=str(B))


def test_each_seeds_median_over_convolutions_stands_at_its_number_of_images(axes):
    lines = [line for line in axes[1].lines if line.get_label().startswith("seed")]
    for seed, line in enumerate(lines):
        assert line.get_label() == f"seed {seed}"
        assert list(line.get_xdata()) == list(NAMES)
        assert_close(line.get_ydata(), [np.median(alphas(B, seed, ("conv",))) for B in NAMES], 1e-9)
    assert len(lines) == 3
