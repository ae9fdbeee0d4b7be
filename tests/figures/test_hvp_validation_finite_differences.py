import statistics

import pytest

from layercurv.figures import style
from layercurv.figures.hvp_validation_finite_differences import RECORDS, draw
from tests.compare import assert_close
from tests.figures.frozen import read

METHODS = [("conv", "float32", "loss"), ("conv", "float32", "gradient"), ("conv", "float64", "loss")]
HEAD = ("linear", "float64", "loss")


@pytest.fixture
def records(root):
    return [read(name) for name in RECORDS]


@pytest.fixture
def axes(records):
    with style.styled():
        return draw(records).axes


def pairs_by_step(record: dict, kind: str, dtype: str, form: str) -> dict[float, list[tuple[float, float]]]:
    pairs = {}
    for layer in record["measurements"]["layers"]:
        if layer["kind"] != kind:
            continue
        part = layer["finite_differences"]
        for estimate in part["estimates"]:
            if estimate["dtype"] == dtype and estimate["form"] == form:
                found = zip(estimate["curvatures"], part["exact"], strict=True)
                pairs.setdefault(estimate["step"], []).extend(found)
    return pairs


def check_lines(axis, records: list[dict], methods: list[tuple], measure) -> None:
    drawn = [line for line in axis.lines if len(line.get_xdata()) > 2]
    cases = [(method, record) for method in methods for record in records]
    for line, (method, record) in zip(drawn, cases, strict=True):
        expected = {step: measure(pairs) for step, pairs in pairs_by_step(record, *method).items()}
        assert dict.fromkeys(line.get_xdata()) == dict.fromkeys(expected)
        assert_close(line.get_ydata(), list(expected.values()), 1e-12, what=str(method))


def test_left_panel_draws_the_median_relative_error_of_every_method_seed_and_step(axes, records):
    check_lines(axes[0], records, [*METHODS, HEAD], lambda p: statistics.median(abs(f - e) / abs(e) for f, e in p))


def test_right_panel_draws_the_share_of_negative_estimates(axes, records):
    check_lines(axes[1], records, METHODS, lambda p: sum(found < 0 for found, _ in p) / len(p))


def test_no_exact_curvature_is_negative_so_that_every_negative_estimate_is_wrong(records):
    for record in records:
        assert all(e > 0 for layer in record["measurements"]["layers"] for e in layer["finite_differences"]["exact"])


def test_each_method_stands_once_in_the_legend_and_differs_in_marker_line_and_colour(axes):
    legend = axes[0].figure.legends[0]
    assert len({text.get_text() for text in legend.get_texts()}) == len(legend.get_texts()) == 4
    for look in ("get_marker", "get_linestyle", "get_color"):
        assert len({getattr(handle, look)() for handle in legend.legend_handles}) == 4
