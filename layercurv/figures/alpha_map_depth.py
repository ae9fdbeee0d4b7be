"""alpha of every weight layer along the network, each seed with its least-squares interval."""

import numpy as np
from matplotlib.figure import Figure

from layercurv.figures.alpha_map_layers import GROUPS, exponents, group, layers_by_depth, short_name
from layercurv.figures.alpha_map_layers import RECORDS as MEASURED
from layercurv.figures.printed import AUDIT, printed_values
from layercurv.figures.style import BLACK, GREY, PAGE_INCHES, new_figure

__all__ = ["RECORDS", "draw"]

RECORDS = (*MEASURED, AUDIT)
PRINTED = "C001"  # of convolutions, in the audit


def draw(records: list[dict]) -> Figure:
    """Draw alpha by depth.

    Args:
        records: alpha_map records of one network, one per seed, and the audit.

    Returns:
        The figure.
    """
    figure = new_figure(PAGE_INCHES, 2.5)
    axis = figure.subplots()
    (printed,) = printed_values(records, PRINTED)
    layers = layers_by_depth([record for record in records if record["experiment"] == "alpha_map"])
    axis.axhline(printed, color=GREY, lw=0.8, ls="--", zorder=0)
    axis.text(len(layers) - 0.4, printed, rf"$\alpha = {printed:g}$", color=GREY, va="bottom", ha="left", fontsize=6.5)
    labelled = set()
    for position, entries in enumerate(layers):
        name = group(entries[0])
        color, marker = GROUPS[name]
        fits = [exponents(layer)["alpha"] for layer in entries]
        offsets = position + np.linspace(-0.22, 0.22, len(fits))
        slopes = np.array([fit["slope"] for fit in fits])
        bars = [slopes - [fit["ci95_low"] for fit in fits], [fit["ci95_high"] for fit in fits] - slopes]
        label = None if name in labelled else name
        axis.errorbar(offsets, slopes, bars, fmt=marker, ms=3, color=color, elinewidth=0.6, mew=0, label=label)
        axis.plot([position - 0.32, position + 0.32], [slopes.mean()] * 2, color=BLACK, lw=1.0)
        labelled.add(name)
    axis.set_xticks(range(len(layers)), [short_name(entries[0]) for entries in layers], rotation=60)
    axis.set(xlim=(-0.6, len(layers) + 0.5), xlabel="layer, input to output", ylabel=r"curvature exponent $\alpha$")
    axis.legend(loc="upper left", ncols=3)
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.15 * (high - low))  # room for the legend
    return figure
