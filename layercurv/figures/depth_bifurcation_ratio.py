"""Deep linear networks: spectra by depth, the ratio of their clusters against depth, and what broken assumptions do."""

from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from layercurv.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAGE_INCHES,
    PURPLE,
    VERMILION,
    new_figure,
)
from layercurv.fits.spectral_bifurcation import cluster_ratio, find_clusters, predicted_counts

__all__ = ["RECORDS", "draw"]

DEPTHS = (2, 3, 4, 5, 6, 7, 10)
STEP_DEPTHS = (3, 5, 7)  # where a fifth of the step was taken too
CASE_DEPTHS = (2, 3, 5)
COUNTED_DEPTH = 3  # where the counts at the widest gap are told
RATIO_TICKS = (0.5, 0.7, 1, 1.5, 2, 3)
SEEDS = range(3)
# Case -> label, in the order of the rows: met or nearly so, then data, start, units.
CASES = {
    "balanced_white": "as assumed",
    "wide": "twice the hidden units",
    "coarse_step": "ten times the step",
    "noisy_target": "noise on the targets",
    "sampled_covariance": "white in the population only",
    "skewed_covariance": "skewed covariance",
    "unequal_singular_values": "unequal singular values",
    "full_rank_start": "start of full rank",
    "unbalanced_start": "unbalanced start",
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "relu_wide": "ReLU, wide, He start",
}
RECORDS = tuple(
    f"depth_bifurcation/L{depth}_{case}_seed{seed}.small.json"
    for case, depths in (
        [("balanced_white", DEPTHS), ("fine_step", STEP_DEPTHS)]
        + [(case, CASE_DEPTHS) for case in CASES if case != "balanced_white"]
    )
    for depth in depths
    for seed in SEEDS
)

SPECTRA = {2: (BLUE, "o"), 3: (VERMILION, "s"), 5: (GREEN, "^"), 7: (PURPLE, "D"), 10: (BLACK, "v")}
STEPS = {"coarse_step": (ORANGE, "s", -0.3), "balanced_white": (BLUE, "o", 0.0), "fine_step": (GREEN, "^", 0.3)}


def draw(records: list[dict]) -> Figure:
    """Draw spectra, ratios and cases.

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    groups = defaultdict(list)
    for record in records:
        config = record["provenance"]["config"]
        groups[config["case"], config["depth"]].append(record)
    figure = new_figure(PAGE_INCHES, 3.1)
    axes = figure.subplot_mosaic(
        [["spectra", "ratio", "cases"], ["spectra", "step", "cases"]], width_ratios=[5, 4.5, 6]
    )
    _draw_spectra(axes["spectra"], groups)
    _draw_ratios(axes["ratio"], groups)
    _draw_steps(axes["step"], groups)
    axes["ratio"].sharex(axes["step"])
    axes["ratio"].tick_params(labelbottom=False)
    _draw_cases(axes["cases"], groups)
    return figure


def ratio_as_predicted(record: dict) -> float:
    """Compare the means of the clusters that theory counts.

    Args:
        record: A depth_bifurcation record.

    Returns:
        Mean of the r^2 largest eigenvalues at the end over the mean of the next r(d_in - r) + r(d_out - r).
    """
    config = record["provenance"]["config"]
    counts = predicted_counts(config["d_in"], config["d_out"], len(config["teacher"]["singular_values"]))
    return cluster_ratio(_spectrum(record), *counts, config["depth"])["ratio"]


def clusters_as_found(record: dict) -> dict:
    """Part the spectrum at its own widest gap.

    Args:
        record: A depth_bifurcation record.

    Returns:
        As `find_clusters`.
    """
    config = record["provenance"]["config"]
    return find_clusters(_spectrum(record), config["null_threshold"], config["depth"])


def _spectrum(record: dict) -> list[float]:
    return record["measurements"]["snapshots"][-1]["eigenvalues"]


def _draw_spectra(axis: Axes, groups: dict) -> None:
    for depth, (color, marker) in SPECTRA.items():
        for record in groups["balanced_white", depth]:
            eigenvalues = _spectrum(record)
            axis.plot(np.arange(1, len(eigenvalues) + 1), eigenvalues, marker, ms=2.4, mew=0, color=color)
        axis.text(5.2, depth, f"$L$ = {depth}", color=color, va="center", fontsize=6.5)
    for rank, height, name in ((11, 1.25, "bulk"), (60, 0.25, "null")):
        axis.text(rank, height, name, color=GREY, ha="center", fontsize=6.5)
    axis.set(xscale="log", xlabel="rank of the eigenvalue", ylabel="eigenvalue of the Hessian")
    axis.set_xticks([1, 4, 18, 100], ["1", "4", "18", "100"])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yticks(range(0, 11, 2))
    axis.set_title("a  whole spectra at the end", loc="left")


def _draw_ratios(axis: Axes, groups: dict) -> None:
    axis.plot([DEPTHS[0], DEPTHS[-1]], [DEPTHS[0], DEPTHS[-1]], "--", color=GREY, lw=0.8, zorder=0)
    axis.text(7.4, 6.6, "ratio = $L$", color=GREY, fontsize=6.5)
    for depth in DEPTHS:
        values = [ratio_as_predicted(record) for record in groups["balanced_white", depth]]
        axis.plot([depth] * len(values), values, "o", ms=3, mew=0, color=BLUE)
    axis.set(ylabel="ratio", yticks=range(2, 11, 2))
    axis.set_title("b  ratio of cluster means", loc="left")


def _draw_steps(axis: Axes, groups: dict) -> None:
    axis.axhline(0, color=GREY, lw=0.8, ls="--", zorder=0)
    for case, (color, marker, offset) in STEPS.items():
        label = ""
        for (found, depth), records in groups.items():
            if found != case:
                continue
            step = records[0]["provenance"]["config"]["descent"]["learning_rate"]
            scaled = [(ratio_as_predicted(record) - depth) / step for record in records]
            axis.plot([depth + offset] * len(scaled), scaled, marker, ms=3, mew=0, color=color)
            label = rf"$\eta$ = {step:g}"
        axis.plot([], [], marker, ms=3, mew=0, color=color, label=label)
    axis.set(xlabel="depth $L$", ylabel=r"(ratio $-\ L$) / step $\eta$", xticks=DEPTHS)
    axis.legend(loc="upper left", handletextpad=0.1, borderaxespad=0.1)


def _draw_cases(axis: Axes, groups: dict) -> None:
    axis.axvline(1, color=GREY, lw=0.8, ls="--", zorder=0)
    labels = []
    for row, (case, label) in enumerate(CASES.items()):
        for place, depth in zip((-0.24, 0.0, 0.24), CASE_DEPTHS, strict=True):
            color, marker = SPECTRA[depth]
            ratios = [ratio_as_predicted(record) / depth for record in groups[case, depth]]
            axis.plot(ratios, [row + place] * len(ratios), marker, ms=2.6, mew=0, color=color)
        counts = _counts([clusters_as_found(record) for record in groups[case, COUNTED_DEPTH]])
        axis.text(1.02, row, counts, transform=axis.get_yaxis_transform(), va="center", fontsize=5.5)
        records = [record for depth in CASE_DEPTHS for record in groups[case, depth]]
        unfinished = not all(record["measurements"]["is_converged"] for record in records)
        labels.append(label + (" *" if unfinished else ""))
    axis.set(xscale="log", xlabel="ratio / $L$", ylim=(len(CASES) - 0.5, -0.5))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(RATIO_TICKS, [f"{tick:g}" for tick in RATIO_TICKS])
    axis.set_yticks(range(len(labels)), labels)
    axis.tick_params(axis="y", length=0)
    axis.set_title("c  one assumption broken", loc="left")
    axis.text(1.02, 1.012, f"widest gap, $L$ = {COUNTED_DEPTH}", transform=axis.transAxes, fontsize=5.5)
    handles = [
        Line2D(
            [], [], color=SPECTRA[depth][0], marker=SPECTRA[depth][1], ms=3, mew=0, ls="none", label=f"$L$ = {depth}"
        )
        for depth in CASE_DEPTHS
    ]
    axis.legend(handles=handles, loc="upper right", handletextpad=0.1, borderaxespad=0.1)


def _counts(found: list[dict]) -> str:
    pairs = [f"{clusters['n_dominant']}+{clusters['n_bulk']}" for clusters in found]
    return pairs[0] if len(set(pairs)) == 1 else ", ".join(pairs)
