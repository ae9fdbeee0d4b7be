"""The replication scoreboard: what the source paper's own data say of its numbers, and what our seeds say."""

from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from layercurv.figures.style import BLUE, GREY, PAGE_INCHES, VERMILION, new_figure
from layercurv.results.store import AUDIT

__all__ = ["RECORDS", "draw"]

RECORDS = (AUDIT,)

VERDICTS = ("supported", "ambiguous", "contradicted", "unsupported")
EXPONENTS = ("alpha", "gamma", "s")
# Verdict of our seeds -> colour of the bar, colour of its number, label.
REPLICATIONS = {
    "replicated": (BLUE, "white", "replicated"),
    "not_replicated": (VERMILION, "white", "not replicated"),
    "not_measured": ("#DDDDDD", "black", "not measured"),
}
MARKERS = {"replicated": {"marker": "o", "mfc": BLUE}, "not_replicated": {"marker": "s", "mfc": "white"}}
SMALLEST = 0.01  # of panel c's logarithmic axes; what lies below is drawn at their edge
WIDEST_NUMBER = 6  # rows; a shorter piece of a bar holds no number


def draw(records: list[dict]) -> Figure:
    """Draw the scoreboard.

    Args:
        records: That of `RECORDS`.

    Returns:
        The figure.
    """
    rows = records[0]["measurements"]["rows"].values()
    figure = new_figure(PAGE_INCHES, 2.5)
    bars, exponents, others = figure.subplots(1, 3, width_ratios=[1.15, 1, 1])
    _draw_counts(bars, rows)
    compared = [row for row in rows if row["check"] == "equals" and row["replication"]["values"]]
    _draw_exponents(exponents, [row for row in compared if row["replication"]["quantity"] in EXPONENTS])
    _draw_others(others, [row for row in compared if row["replication"]["quantity"] not in EXPONENTS])
    return figure


def _draw_counts(axis: Axes, rows: list[dict]) -> None:
    counts = Counter((row["verdict"], row["replication"]["verdict"]) for row in rows)
    for place, verdict in enumerate(VERDICTS):
        left = 0
        for replication, (color, text_color, _) in REPLICATIONS.items():
            n = counts[verdict, replication]
            axis.barh(place, n, left=left, height=0.62, color=color, edgecolor="white", linewidth=0.5)
            if n >= WIDEST_NUMBER:
                axis.text(left + n / 2, place, str(n), color=text_color, ha="center", va="center", fontsize=6.5)
            left += n
    axis.set_yticks(range(len(VERDICTS)), VERDICTS)
    axis.tick_params(axis="y", length=0)
    axis.set(xlabel="printed numbers", ylim=(len(VERDICTS) - 0.5, -0.9), ylabel="by the paper's own data")
    for x, (color, _, label) in zip((0.0, 0.29, 0.68), REPLICATIONS.values(), strict=True):
        color = GREY if label == "not measured" else color
        axis.text(x, 0.985, label, color=color, transform=axis.transAxes, va="top", fontsize=6.5)
    axis.set_title("a  verdicts, and ours", loc="left")


def _draw_exponents(axis: Axes, rows: list[dict]) -> None:
    ends = (0, 5)
    axis.plot(ends, ends, "--", color=GREY, lw=0.8, zorder=0)
    for row in rows:
        _draw_row(axis, float(row["stated"][0]), row["replication"], lambda value: value)
    axis.set(xlabel="published exponent", ylabel="ours", xlim=ends, ylim=ends, xticks=range(6), yticks=range(6))
    axis.set_title(r"b  $\alpha$, $\gamma$ and $s$", loc="left")


def _draw_others(axis: Axes, rows: list[dict]) -> None:
    ends = (SMALLEST, 200)
    axis.plot(ends, ends, "--", color=GREY, lw=0.8, zorder=0)
    for row in rows:
        published = max(float(row["stated"][0]), SMALLEST)
        _draw_row(axis, published, row["replication"], lambda value: np.maximum(value, SMALLEST))
    axis.set(xscale="log", yscale="log", xlabel="published number", xlim=ends, ylim=ends)
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(LogLocator(numticks=8))
        side.set_minor_locator(NullLocator())
    axis.text(8.5, 0.06, r"$\log_{10}\chi$", color=VERMILION, ha="left", fontsize=6.5)
    axis.text(SMALLEST * 1.35, 0.33, "printed as 0", color=VERMILION, fontsize=6.5)
    axis.set_title("c  everything else", loc="left")


def _draw_row(axis: Axes, published: float, replication: dict, placed) -> None:
    color = REPLICATIONS[replication["verdict"]][0]
    axis.plot([published] * 2, placed(np.array(replication["interval"])), color=color, lw=0.5, alpha=0.6, zorder=1)
    mean = placed(np.mean(replication["values"]))
    axis.plot(published, mean, ms=3, mew=0.7, mec=color, clip_on=False, zorder=2, **MARKERS[replication["verdict"]])
