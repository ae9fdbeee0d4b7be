"""Does alpha lie near 2 where Kronecker factors do well? Two measures of that, every layer, and what chance gives."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from claimgate.statistics.reproducible import exp
from layercurv.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PAGE_INCHES, SKY, VERMILION, new_figure
from layercurv.fits import (
    concentration_slack,
    correlation_against_chance,
    fit_alpha,
    log_correlation,
    log_mismatch,
    without_trend,
)

__all__ = ["RECORDS", "draw"]

CURVATURE, SPECTRUM = "conv_gap", "kronecker_spectrum"
RECORDS = tuple(f"{CURVATURE}/resnet18_cifar10_seed{seed}.small.json" for seed in range(3)) + tuple(
    f"{SPECTRUM}/resnet50_tiny_imagenet_seed{seed}.small.json" for seed in range(3)
)

ALPHA = 2.0  # what the source paper holds to be universal
# The layers of ResNet-18 behind the source paper's correlation.
PUBLISHED = ("conv1", "layer1.0.conv2", "layer2.0.conv1", "layer3.0.conv1", "layer4.0.conv2")
# Group -> colour, marker, whether filled.
GROUPS = {
    "the source paper's five layers": (VERMILION, "o", True),
    "convolutions wider than 1 × 1": (BLUE, "o", False),
    "1 × 1 convolutions": (GREEN, "s", False),
    "classifier head": (ORANGE, "D", True),
}
# Rank -> colour, marker, whether filled, label in panel d.
RANKS = {0: (BLACK, "o", True, "first, $k = 1$"), -1: (SKY, "^", False, "last")}


def _gap(layer: dict) -> float:
    lists = (layer[key] for key in ("singular_values", "curvatures", "is_null"))
    return abs(fit_alpha(*lists)["slope"] - ALPHA)


def _slack(layer: dict) -> float:
    return concentration_slack(layer["gap"]["empirical"]["concentration"], layer["is_null"])


def _slack_of_root(layer: dict) -> float:
    return concentration_slack(layer["gap"]["ggn"]["concentration"], layer["is_null"])


def _predicted(layer: dict) -> list[float]:
    return layer["kinds"]["empirical"]["noise"]["mean_log"]


def _mismatch(layer: dict) -> float:
    return log_mismatch(layer["gradient_singular_values"], _predicted(layer))


def _decorrelation(layer: dict) -> float:
    return 1 - log_correlation(layer["gradient_singular_values"], _predicted(layer))


def _is_published(layer: dict) -> bool:
    return layer["name"] in PUBLISHED


def _is_convolution(layer: dict) -> bool:
    return layer["kind"] == "conv"


def _is_any(layer: dict) -> bool:
    return True


# Experiment -> rows of panel c: label, miss, which layers, whether the trend with depth is taken out of both lists.
ROWS: dict[str, list[tuple[str, Callable, Callable, bool]]] = {
    CURVATURE: [
        ("source paper's {n}", _slack, _is_published, False),
        ("all {n}", _slack, _is_any, False),
        ("{n} convolutions", _slack, _is_convolution, False),
        ("same, depth out", _slack, _is_convolution, True),
        ("same, Hessian's root", _slack_of_root, _is_convolution, False),
        ("same, root, depth out", _slack_of_root, _is_convolution, True),
    ],
    SPECTRUM: [
        ("all {n}", _mismatch, _is_any, False),
        ("same, depth out", _mismatch, _is_any, True),
        (r"all, by 1 $-$ corr.", _decorrelation, _is_any, False),
    ],
}
HEADERS = {CURVATURE: "ResNet-18: concentration", SPECTRUM: "ResNet-50: singular values"}


def draw(records: list[dict]) -> Figure:
    """Draw both scatters, their correlations, and measured over predicted singular values.

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    layers = {name: [r["measurements"]["layers"] for r in records if r["experiment"] == name] for name in ROWS}
    figure = new_figure(PAGE_INCHES, 3.9)
    axes = figure.subplot_mosaic(
        [["slack", "rows", "ratios"], ["mismatch", "rows", "ratios"]], width_ratios=[4, 4, 4.2]
    )
    _draw_scatter(axes["slack"], layers[CURVATURE], CURVATURE, _slack)
    axes["slack"].set(ylabel="|concentration $-$ 1|")
    axes["slack"].set_title("a  ResNet-18, curvature", loc="left")
    _draw_scatter(axes["mismatch"], layers[SPECTRUM], SPECTRUM, _mismatch)
    axes["mismatch"].set(ylabel=r"rms of $\ln(\sigma_k\,/\,\hat\sigma_k)$", xlabel=r"$|\alpha - 2|$")
    axes["mismatch"].set_title("b  ResNet-50, gradient", loc="left")
    _draw_rows(axes["rows"], layers)
    _draw_ratios(axes["ratios"], layers[SPECTRUM])
    figure.legend(handles=_handles(), loc="outside lower left", ncols=4, handletextpad=0.1)
    return figure


def _group(layer: dict, experiment: str) -> str:
    *_, name = ["", *layer["name"].split(".", 2)]
    if layer["kind"] == "linear":
        return "classifier head"
    if experiment == CURVATURE and _is_published(layer):
        return "the source paper's five layers"
    # A bottleneck block of ResNet-50 is 1 x 1, 3 x 3, 1 x 1.
    is_small = name in ("conv1", "conv3") and experiment == SPECTRUM and layer["name"] != "conv1"
    return "1 × 1 convolutions" if is_small or "downsample" in layer["name"] else "convolutions wider than 1 × 1"


def _draw_scatter(axis: Axes, networks: list[list[dict]], experiment: str, miss: Callable) -> None:
    for name, (color, marker, is_filled) in GROUPS.items():
        chosen = [layer for layers in networks for layer in layers if _group(layer, experiment) == name]
        points = np.array([(_gap(layer), miss(layer)) for layer in chosen]).reshape(-1, 2)
        face = color if is_filled else "none"
        axis.plot(*points.T, marker, ms=3, mfc=face, mec=color, mew=0.7, zorder=3 if is_filled else 2)
    axis.set(xlim=(-0.03, None), ylim=(0, None))


def _draw_rows(axis: Axes, networks: dict) -> None:
    axis.axvline(0, color=GREY, lw=0.6, zorder=0)
    row, labels, ticks = 0.0, [], []
    for experiment, rows in ROWS.items():
        axis.text(-1.95, row - 0.8, HEADERS[experiment], fontsize=6.5, va="center", style="italic")
        for label, miss, is_chosen, is_detrended in rows:
            chosen = [[layer for layer in layers if is_chosen(layer)] for layers in networks[experiment]]
            _draw_row(axis, row, [_against_chance(layers, miss, is_detrended) for layers in chosen])
            labels.append(label.format(n=len(chosen[0])))
            ticks.append(row)
            row += 1
        row += 1
    axis.set(xlim=(-1, 1), ylim=(row - 1.4, -1.2), xlabel=r"correlation $r$ with $|\alpha - 2|$")
    axis.set_yticks(ticks, labels)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_title("c  correlation over layers", loc="left")


def _against_chance(layers: list[dict], miss: Callable, is_detrended: bool) -> dict:
    lists = [[_gap(layer) for layer in layers], [miss(layer) for layer in layers]]
    if is_detrended:
        lists = [without_trend(values, range(len(layers))) for values in lists]
    return correlation_against_chance(*lists)


def _draw_row(axis: Axes, row: float, found: list[dict]) -> None:
    chance = float(np.mean([seed["chance95"] for seed in found]))
    axis.barh(row, 2 * chance, left=-chance, height=0.72, color="0.88", zorder=0)
    for seed, height in zip(found, row + np.linspace(-0.2, 0.2, len(found)) * (len(found) > 1), strict=True):
        axis.plot([seed["ci95_low"], seed["ci95_high"]], [height] * 2, color=BLACK, lw=0.6)
        axis.plot(seed["r"], height, "o", ms=2.8, mew=0, color=BLACK)


def _draw_ratios(axis: Axes, networks: list[list[dict]]) -> None:
    axis.axhline(1, color=GREY, lw=0.6, zorder=0)
    for rank, (color, marker, is_filled, label) in RANKS.items():
        for number, layers in enumerate(networks):
            ratios = [_ratios(layer)[rank] for layer in layers]
            face = color if is_filled else "none"
            positions = np.arange(1, len(layers) + 1)
            axis.plot(positions, ratios, marker, ms=2.2, mfc=face, mec=color, mew=0.5, label=label * (number == 0))
    axis.set(yscale="log", xlabel="layer, input to output", ylabel=r"measured / predicted $\sigma_k$")
    axis.yaxis.set_major_locator(FixedLocator([0.1, 0.2, 0.5, 1, 2, 5]))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())
    axis.legend(loc="upper right", handletextpad=0.1)
    axis.set_title("d  ResNet-50, layer by layer", loc="left")


def _ratios(layer: dict) -> np.ndarray:
    predicted = exp(_predicted(layer))
    return np.asarray(layer["gradient_singular_values"][: predicted.size]) / predicted


def _handles() -> list[Line2D]:
    return [
        Line2D(
            [], [], ls="none", marker=marker, ms=3, mec=color, mfc=color if is_filled else "none", mew=0.7, label=name
        )
        for name, (color, marker, is_filled) in GROUPS.items()
    ]
