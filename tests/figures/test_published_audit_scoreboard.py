"""The scoreboard against the audit file, and its points against the frozen seeds."""

import tomllib
from collections import Counter

import numpy as np
import pytest

from layercurv.figures import published_audit_scoreboard as module
from layercurv.figures import style
from tests.compare import assert_close
from tests.figures.frozen import axes_of, records_of

COLORS = {"replicated": style.BLUE, "not_replicated": style.VERMILION}


@pytest.fixture
def records():
    return records_of(module)


@pytest.fixture
def axes(records):
    return axes_of(module, records)


@pytest.fixture
def audited(root):
    return tomllib.loads((root / "claims" / "published.toml").read_text())["row"]


def test_bars_count_the_rows_of_the_audit_file(axes, audited):
    counts = Counter((row["verdict"], row["replication"]["verdict"]) for row in audited)
    labels = [label.get_text() for label in axes[0].get_yticklabels()]
    expected = {(v, r): counts[v, r] for v in labels for r in ("replicated", "not_replicated", "not_measured")}
    bars = iter(axes[0].patches)
    assert {key: next(bars).get_width() for key in expected} == expected
    assert sum(expected.values()) == 336


def test_every_compared_number_is_one_point_in_its_colour(axes, records):
    rows = [row for row in records[0]["measurements"]["rows"].values() if row["replication"]["values"]]
    for verdict, color in COLORS.items():
        means = [
            np.mean(row["replication"]["values"])
            for row in rows
            if row["check"] == "equals" and row["replication"]["verdict"] == verdict
        ]
        points = [line for axis in axes[1:] for line in axis.lines if line.get_marker() != "None"]
        heights = [line.get_ydata()[0] for line in points if line.get_markeredgecolor() == color]
        assert_close(sorted(heights), sorted(np.maximum(means, module.SMALLEST)), 1e-12, what=verdict)


def test_points_of_exponents_lie_at_the_printed_number_with_the_interval(axes, records):
    lines = [
        line.get_xydata() for line in axes[1].lines if line.get_marker() == "None" and len(set(line.get_xdata())) == 1
    ]
    rows = records[0]["measurements"]["rows"].values()
    chosen = [
        row for row in rows if row["replication"]["quantity"] in {"alpha", "gamma", "s"} and row["check"] == "equals"
    ]
    expected = [[float(row["stated"][0]), *row["replication"]["interval"]] for row in chosen]
    assert len(chosen) > 20
    assert_close(sorted([xy[0, 0], *xy[:, 1]] for xy in lines), sorted(expected), 1e-12)
