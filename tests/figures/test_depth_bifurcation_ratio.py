"""What is drawn of the frozen records is what numpy finds in their spectra."""

import json
from functools import cache

import numpy as np
import pytest

from layercurv.figures import depth_bifurcation_ratio as module
from layercurv.figures import style
from tests.compare import assert_close
from tests.conftest import ROOT
from tests.figures.frozen import records_of

N_DOMINANT, N_BULK = 4, 14  # r^2 and r(d_in + d_out - 2r) with r = 2, d_in = 5, d_out = 6


@cache
def record(case: str, depth: int, seed: int) -> dict:
    path = ROOT / "results" / "depth_bifurcation" / f"L{depth}_{case}_seed{seed}.small.json"
    return json.loads(path.read_text())


def spectrum(case: str, depth: int, seed: int) -> np.ndarray:
    return np.array(record(case, depth, seed)["measurements"]["snapshots"][-1]["eigenvalues"])


def ratio(case: str, depth: int, seed: int) -> float:
    values = np.sort(spectrum(case, depth, seed))[::-1]
    return values[:N_DOMINANT].mean() / values[N_DOMINANT : N_DOMINANT + N_BULK].mean()


@pytest.fixture(scope="module")
def axes():
    records = records_of(module)
    with style.styled():
        figure = module.draw(records)
    names = ("spectra", "ratio", "cases", "step")
    return dict(zip(names, figure.axes, strict=True))


def markers(axis, color: str) -> list:
    return [line for line in axis.lines if line.get_color() == color and line.get_linestyle() == "None"]


def test_every_eigenvalue_of_five_depths_and_all_seeds_is_drawn(axes):
    for depth, (color, _) in module.SPECTRA.items():
        lines = markers(axes["spectra"], color)
        assert len(lines) == 3
        for seed, line in enumerate(lines):
            expected = spectrum("balanced_white", depth, seed)
            assert_close(line.get_xdata(), np.arange(1, expected.size + 1), 1e-12)
            assert_close(line.get_ydata(), expected, 1e-12, what=f"L = {depth}, seed {seed}")


def test_ratios_stand_over_their_depths(axes):
    points = markers(axes["ratio"], style.BLUE)
    for depth, line in zip((2, 3, 4, 5, 6, 7, 10), points, strict=True):
        assert list(line.get_xdata()) == [depth] * 3
        assert_close(line.get_ydata(), [ratio("balanced_white", depth, seed) for seed in range(3)], 1e-12)


@pytest.mark.parametrize(
    ("color", "case", "step", "depths"),
    [
        (style.ORANGE, "coarse_step", 0.05, (2, 3, 5)),
        (style.BLUE, "balanced_white", 0.005, (2, 3, 4, 5, 6, 7, 10)),
        (style.GREEN, "fine_step", 0.001, (3, 5, 7)),
    ],
)
def test_distances_from_the_depth_are_in_units_of_the_step(axes, color, case, step, depths):
    lines = [line for line in markers(axes["step"], color) if len(line.get_xdata())]
    for depth, line in zip(depths, lines, strict=True):
        assert np.abs(line.get_xdata() - depth).max() < 0.5
        expected = [(ratio(case, depth, seed) - depth) / step for seed in range(3)]
        assert_close(line.get_ydata(), expected, 1e-9, what=f"{case}, L = {depth}")


def test_cases_show_the_ratio_over_depth_and_say_which_counts_were_found(axes):
    axis = axes["cases"]
    counts = [text.get_text() for text in axis.texts]
    for depth, color in ((2, style.BLUE), (3, style.VERMILION), (5, style.GREEN)):
        for row, (case, line) in enumerate(zip(module.CASES, markers(axis, color), strict=True)):
            expected = [ratio(case, depth, seed) / depth for seed in range(3)]
            assert_close(line.get_xdata(), expected, 1e-12, what=f"{case} {depth}")
            assert abs(line.get_ydata() - row).max() < 0.5
    for row, case in enumerate(module.CASES):
        names = [_counts(spectrum(case, 3, seed)) for seed in range(3)]
        assert counts[row] in (", ".join(names), names[0] if len(set(names)) == 1 else None)


def test_an_asterisk_marks_cases_that_did_not_all_converge(axes):
    labels = [label.get_text() for label in axes["cases"].get_yticklabels()]
    for case, label in zip(module.CASES, labels, strict=True):
        runs = [record(case, depth, seed) for depth in (2, 3, 5) for seed in range(3)]
        assert label.endswith("*") != all(run["measurements"]["is_converged"] for run in runs), case
    assert sum(label.endswith("*") for label in labels) == 5


def _counts(values: np.ndarray) -> str:
    """Part at the longest step in log size among what is over a hundredth of the top."""
    kept = np.sort(values[values > values.max() / 100])
    cut = int(np.argmax(np.diff(np.log(kept)))) + 1
    return f"{kept.size - cut}+{cut}"
