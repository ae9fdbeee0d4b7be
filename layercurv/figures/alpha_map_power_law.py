"""h against sigma on representative layers: points with sampling intervals, fits, dropped directions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, StrMethodFormatter

from claimgate.statistics.reproducible import exp, log
from layercurv.figures.alpha_map_layers import RECORDS, exponents, layers_by_depth
from layercurv.figures.style import BLUE, GREEN, GREY, PAGE_INCHES, VERMILION, new_figure
from layercurv.fits import usable_directions

__all__ = ["RECORDS", "draw"]

PANELS = ("conv1", "layer1.0.conv2", "layer2.0.downsample.0", "layer3.1.conv1", "layer4.1.conv2", "fc")
SEED_STYLES = ((BLUE, "o"), (VERMILION, "^"), (GREEN, "s"))


def draw(records: list[dict]) -> Figure:
    """Draw six layers, from the stem to the head.

    Args:
        records: alpha_map records of one network, one per seed.

    Returns:
        The figure.
    """
    figure = new_figure(PAGE_INCHES, 4.1)
    axes = figure.subplots(2, 3)
    by_name = {entries[0]["name"]: entries for entries in layers_by_depth(records)}
    for axis, name in zip(axes.flat, PANELS, strict=True):
        _draw_layer(axis, by_name[name])
    for axis in axes[1]:
        axis.set_xlabel(r"gradient singular value $\sigma_k$")
    for axis in axes[:, 0]:
        axis.set_ylabel(r"curvature $h_k$")
    handles = [
        Line2D([], [], color=color, marker=marker, ms=3.5, lw=1, label=f"seed {record['provenance']['seed']}")
        for (color, marker), record in zip(SEED_STYLES, records, strict=False)
    ]
    handles.append(Line2D([], [], color=GREY, marker="x", ls="none", ms=4, label="dropped (null direction)"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_layer(axis: Axes, entries: list[dict]) -> None:
    slopes, dropped = [], []
    for layer, (color, marker) in zip(entries, SEED_STYLES, strict=False):
        sigma, h = np.array(layer["singular_values"]), np.array(layer["curvatures"])
        keep = usable_directions(sigma, h, layer["is_null"])
        half_width = 1.96 * np.array(layer["curvature_standard_errors"])[keep]
        lower = np.minimum(half_width, 0.999 * h[keep])  # a bar that reaches zero would leave the log axis
        axis.errorbar(
            sigma[keep],
            h[keep],
            (lower, half_width),
            fmt=marker,
            ms=2.6,
            color=color,
            elinewidth=0.5,
            alpha=0.75,
            mew=0,
        )
        fit = exponents(layer)["alpha"]
        ends = np.array([sigma[keep].min(), sigma[keep].max()])
        axis.plot(ends, exp(fit["intercept"] + fit["slope"] * log(ends)), color=color, lw=0.9)
        slopes.append(fit["slope"])
        dropped += list(sigma[~keep])
    axis.set(xscale="log", yscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.minorticks_off()
    lowest = min(
        min(np.array(la["curvatures"])[usable_directions(la["singular_values"], la["curvatures"], la["is_null"])])
        for la in entries
    )
    axis.set_ylim(bottom=lowest / 6)
    m, n = entries[0]["shape"]
    axis.set_title(f"{entries[0]['name']}  ({m} × {n})", loc="left")
    axis.text(0.04, 0.95, rf"$\alpha$ = {_listed(slopes)}", transform=axis.transAxes, va="top")
    _mark_dropped(axis, dropped)


def _mark_dropped(axis: Axes, dropped: list[float]) -> None:
    """Dropped singular values are orders of magnitude below the others: they stand at the left edge."""
    if not dropped:
        return
    rows = np.linspace(0.06, 0.06 + 0.05 * (len(dropped) - 1), len(dropped))
    axis.plot(np.full(len(dropped), 0.03), rows, "x", color=GREY, ms=4, transform=axis.transAxes, clip_on=False)
    text = rf"{len(dropped)} dropped, $\sigma_k \leq$ {max(dropped):.0e}"
    axis.text(0.07, 0.05, text, transform=axis.transAxes, color=GREY, fontsize=6.5)


def _listed(slopes: list[float]) -> str:
    return ", ".join(f"{slope:.2f}" for slope in slopes)
