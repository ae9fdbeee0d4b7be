"""The exact split of alpha into five log-log slopes, stacked per layer, for both kinds of output factor."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layercurv.figures.alpha_map_layers import RECORDS, exponents, layers_by_depth, short_name
from layercurv.figures.style import BLACK, BLUE, GREEN, ORANGE, PAGE_INCHES, PURPLE, SKY, new_figure
from layercurv.fits import alignment_terms, decomposition_slopes, usable_directions
from layercurv.fits.decomposition import TERMS

__all__ = ["RECORDS", "draw"]

LOOK = {  # term -> label, colour, hatch: told apart in grey as well
    "lambda_d": (r"$\lambda_k(C_\delta)$", BLUE, ""),
    "lambda_A": (r"$\lambda_k(C_A)$", SKY, ""),
    "rho_d": (r"$\rho_\delta$", ORANGE, "////"),
    "rho_A": (r"$\rho_A$", GREEN, "...."),
    "chi": (r"$\chi$", PURPLE, "xxxx"),
}
TITLES = {
    "ggn": r"$C_\delta$ from the loss Hessian's root",
    "empirical": r"$C_\delta$ from the loss gradient, true labels (the source paper's)",
}


def draw(records: list[dict]) -> Figure:
    """Draw both splits, averaged over seeds.

    Args:
        records: alpha_map records of one network, one per seed.

    Returns:
        The figure.
    """
    figure = new_figure(PAGE_INCHES, 4.0)
    axes = figure.subplots(2, 1, sharex=True)
    layers = layers_by_depth(records)
    for axis, (kind, title) in zip(axes, TITLES.items(), strict=True):
        _draw_kind(axis, layers, kind)
        axis.set_title(title, loc="left")
        axis.set_ylabel(r"slope against $\sigma$")
    axes[1].set_xticks(range(len(layers)), [short_name(entries[0]) for entries in layers], rotation=60)
    axes[1].set_xlabel("layer, input to output")
    total, *terms = zip(*axes[0].get_legend_handles_labels(), strict=True)
    handles, labels = zip(*terms, total, strict=True)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    return figure


def mean_slopes(entries: list[dict], kind: str) -> dict[str, float]:
    """Average one layer's five slopes over seeds.

    Args:
        entries: The layer, one entry per seed.
        kind: "ggn" or "empirical".

    Returns:
        Term to mean slope.
    """
    found = [_slopes(layer, kind) for layer in entries]
    return {term: float(np.mean([slopes[term] for slopes in found])) for term in TERMS}


def _slopes(layer: dict, kind: str) -> dict[str, float]:
    sigma, h, factors = layer["singular_values"], layer["curvatures"], layer["kronecker"]
    terms = alignment_terms(h, factors[kind], factors["A"], layer["n_positions"])
    return decomposition_slopes(sigma, terms, usable_directions(sigma, h, layer["is_null"]))


def _draw_kind(axis: Axes, layers: list[list[dict]], kind: str) -> None:
    means = [mean_slopes(entries, kind) for entries in layers]
    positions = np.arange(len(layers))
    up, down = np.zeros(len(layers)), np.zeros(len(layers))
    for term, (label, color, hatch) in LOOK.items():
        heights = np.array([slopes[term] for slopes in means])
        bottoms = np.where(heights >= 0, up, down)
        axis.bar(positions, heights, 0.72, bottoms, color=color, hatch=hatch, edgecolor="white", lw=0.3, label=label)
        up, down = up + np.maximum(heights, 0), down + np.minimum(heights, 0)
    totals = [np.mean([exponents(layer)["alpha"]["slope"] for layer in entries]) for entries in layers]
    axis.plot(positions, totals, "D", color=BLACK, ms=3, mec="white", mew=0.4, label=r"sum $= \alpha$")
    axis.axhline(0, color=BLACK, lw=0.6)
