"""Singular values of four layers of two trained networks, the three laws fitted to them, and what these miss."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from claimgate.statistics.reproducible import exp, log
from layercurv.figures.rank_profile_fits import LAWS, NETWORKS, RECORDS, by_network, compare_laws, profile, usable
from layercurv.figures.style import BLACK, PAGE_INCHES, new_figure

__all__ = ["RECORDS", "draw"]

EPOCH, N_SAMPLES = 10, 2048
SHIFT = 4.0  # each further seed is drawn this factor lower
PALE = "#A8A8A8"
TICKS = {16: (1, 4, 16), 64: (1, 8, 64), 100: (1, 10, 100)}


def draw(records: list[dict]) -> Figure:
    """Draw profiles and residuals of the first, middle and last convolution and the head.

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    figure = new_figure(PAGE_INCHES, 5.3)
    figure.get_layout_engine().set(h_pad=0.02, w_pad=0.03, hspace=0.01)
    parts = figure.subfigures(2, 1)
    for part, letter, (network, found) in zip(parts, "ab", by_network(records).items(), strict=True):
        per_seed = [profile(record, EPOCH, N_SAMPLES) for record in found]
        _draw_network(part, per_seed)
        title = f"{letter}  {NETWORKS[network][0]} after {EPOCH} epochs, $B$ = {N_SAMPLES}, {len(found)} seeds"
        part.suptitle(title, x=0.005, ha="left", fontsize=7.5)
    figure.legend(handles=_handles(), loc="outside lower center", ncols=4)
    return figure


def representative(layers: list[dict]) -> dict[str, int]:
    """Choose layers by rule: first, middle and last convolution, and the head.

    Args:
        layers: All layers of a network, in its order.

    Returns:
        Name in print to position.
    """
    convolutions = [i for i, layer in enumerate(layers) if layer["kind"] == "conv"]
    head = next(i for i, layer in enumerate(layers) if layer["kind"] == "linear")
    middle = convolutions[len(convolutions) // 2]
    return {
        "first convolution": convolutions[0],
        "middle convolution": middle,
        "last convolution": convolutions[-1],
        "head": head,
    }


def law_at(k: np.ndarray, laws: dict, law: str) -> np.ndarray:
    """Evaluate a fitted law.

    Args:
        k: Ranks, not only integers, shape [n].
        laws: As `profile_bic`.
        law: A key of `LAWS`.

    Returns:
        ln sigma at these ranks, shape [n].
    """
    log_k = log(k)
    columns = {"power_law": (log_k,), "exponential": (k,), "log_normal": (log_k, log_k * log_k)}
    intercept, *slopes = laws[law]["coefficients"]
    return intercept + sum(slope * column for slope, column in zip(slopes, columns[law], strict=True))


def _draw_network(part: SubFigure, per_seed: list[list[dict]]) -> None:
    axes = part.subplots(2, 4, sharex="col", height_ratios=(5, 3))
    for (top, bottom), (place, position) in zip(axes.T, representative(per_seed[0]).items(), strict=True):
        layers = [entries[position] for entries in per_seed]
        _draw_profile(top, layers)
        _draw_residuals(bottom, layers)
        top.set_title("{}, {} × {}".format(place, *layers[0]["shape"]), loc="left")
        bottom.set_xlabel("rank $k$", labelpad=1)
    axes[0, 0].set_ylabel(r"singular value $\sigma_k$")
    axes[1, 0].set_ylabel(r"$\ln\,\sigma_k$ $-$ law")


def _draw_profile(axis: Axes, layers: list[dict]) -> None:
    for seed, layer in enumerate(layers):
        sigma, laws = np.array(usable(layer)), compare_laws(layer)
        k, scale = np.arange(1, sigma.size + 1), SHIFT**-seed
        axis.plot(k, scale * sigma, "o", ms=2.8, mew=0, color=PALE, zorder=1)
        fine = exp(np.linspace(0.0, log(sigma.size), 100))
        for law, (_, color, line) in LAWS.items():
            axis.plot(fine, scale * exp(law_at(fine, laws, law)), line, color=color, lw=0.9, zorder=2)
    axis.set(xscale="log", yscale="log")
    axis.set_ylim(bottom=scale * sigma[-1] / 6)  # leaves room for the text
    axis.minorticks_off()
    axis.text(0.03, 0.03, _leads(layers), transform=axis.transAxes, fontsize=6, linespacing=1.15)


def _leads(layers: list[dict]) -> str:
    found = [compare_laws(layer) for layer in layers]
    margins = {law: [_rounded(laws["margin"]) for laws in found if laws["winner"] == law] for law in LAWS}
    return "\n".join(f"{LAWS[law][0]} by {', '.join(values)}" for law, values in margins.items() if values)


def _rounded(margin: float) -> str:
    return f"{margin:.0f}" if margin >= 10 else f"{margin:.1f}"


def _draw_residuals(axis: Axes, layers: list[dict]) -> None:
    axis.axhline(0, color=BLACK, lw=0.5, zorder=0)
    reach = 0.0
    for layer in layers:
        log_sigma, laws = log(usable(layer)), compare_laws(layer)
        k = np.arange(1.0, log_sigma.size + 1)
        for law, (_, color, line) in LAWS.items():
            residuals = log_sigma - law_at(k, laws, law)
            axis.plot(k, residuals, line, color=color, lw=0.7)
            if law != "exponential" or laws["winner"] == law:
                reach = max(reach, np.abs(residuals).max())
    axis.set_ylim(-1.1 * reach, 1.1 * reach)  # the exponential may leave: it would flatten the other two
    axis.set_xticks(TICKS[k.size], [str(tick) for tick in TICKS[k.size]])


def _handles() -> list[Line2D]:
    laws = [Line2D([], [], color=color, ls=line, label=label) for label, color, line in LAWS.values()]
    points = Line2D([], [], color=PALE, marker="o", ms=3, mew=0, ls="none", label="measured, seeds apart")
    return [points, *laws]
