"""alpha of the convolutions along training (left) and by quarter of the singular index (right)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layercurv.figures.printed import AUDIT, printed_values
from layercurv.figures.style import BLACK, BLUE, GREEN, GREY, PAGE_INCHES, VERMILION, new_figure
from layercurv.fits import alpha_by_quartile, fit_alpha, usable_directions

EXPERIMENTS = ("training_dynamics", "full_spectrum")
RECORDS = (
    *(f"{name}/resnet18_cifar10_seed{seed}.small.json" for name in EXPERIMENTS for seed in range(3)),
    AUDIT,
)

SEED_STYLES = ((BLUE, "o", "-"), (VERMILION, "^", "--"), (GREEN, "s", ":"))
N_DIRECTIONS = 50  # the narrower convolutions have 16 or 32, so quarters of 4 or 8
PRINTED_INITIAL, PRINTED_TRAINED = "C063", "C001"  # of convolutions, in the audit
QUARTERS = np.arange(1, 5)


def draw(records: list[dict]) -> Figure:
    """Draw both panels.

    Args:
        records: training_dynamics and full_spectrum records of one network, one of each per seed, and the audit.

    Returns:
        The figure.
    """
    figure = new_figure(PAGE_INCHES, 2.9)
    left, right = figure.subplots(1, 2, sharey=True)
    dynamics, spectra = ([found for found in records if found["experiment"] == name] for name in EXPERIMENTS)
    _draw_training(left, dynamics)
    _draw_printed(left, *printed_values(records, PRINTED_INITIAL), *printed_values(records, PRINTED_TRAINED))
    _draw_quarters(right, spectra)
    handles = left.get_legend_handles_labels()[0] + right.get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def training_slopes(record: dict) -> tuple[list[int], np.ndarray]:
    """Fit alpha of every convolution at every epoch.

    Args:
        record: A training_dynamics record.

    Returns:
        The epochs, and the slopes, shape [epochs, convolutions].
    """
    epochs = record["measurements"]["epochs"]
    slopes = [[_alpha(layer)["slope"] for layer in _convolutions(entry["layers"])] for entry in epochs]
    return [entry["epoch"] for entry in epochs], np.array(slopes)


def quarter_fits(layers: list[dict], field: str) -> np.ndarray:
    """Fit alpha on each quarter of the singular index.

    Args:
        layers: Layer entries of at least twelve usable directions.
        field: A key of a fit, as `slope` or `ci95_low`.

    Returns:
        One row per layer, shape [layers, 4].
    """
    return np.array([[fit[field] for fit in _quarters(layer)] for layer in layers])


def _convolutions(layers: list[dict]) -> list[dict]:
    return [layer for layer in layers if layer["kind"] == "conv"]


def _lists(layer: dict) -> tuple[list, list, list]:
    return layer["singular_values"], layer["curvatures"], layer["is_null"]


def _alpha(layer: dict) -> dict:
    return fit_alpha(*_lists(layer))


def _quarters(layer: dict) -> list[dict]:
    sigma, h, is_null = _lists(layer)
    return alpha_by_quartile(sigma, h, usable_directions(sigma, h, is_null))


def _draw_training(axis: Axes, records: list[dict]) -> None:
    for record, (color, marker, line) in zip(records, SEED_STYLES, strict=True):
        epochs, slopes = training_slopes(record)
        axis.plot(epochs, slopes, color=color, lw=0.4, alpha=0.35, zorder=1)
        label = f"seed {record['provenance']['seed']}, mean"
        axis.plot(epochs, slopes.mean(1), marker=marker, ls=line, color=color, ms=4, mec="white", mew=0.4, label=label)
    axis.set_xticks(epochs)
    axis.set(xlabel="epochs trained", ylabel=r"curvature exponent $\alpha$")
    axis.set_title(f"Along training, {slopes.shape[1]} convolutions", loc="left")


def _draw_printed(axis: Axes, initial: float, trained: float) -> None:
    arrow, last = {"arrowstyle": "-", "lw": 0.4}, max(axis.get_xticks())
    for value, ends, at, text, place in (
        (initial, (0, 0.5), 0.5, "at first", (0.9, 1.02)),
        (trained, (0.5, last), 2, "later", (2.2, 2.35)),
    ):
        axis.plot(ends, [value] * 2, color=BLACK, lw=0.6, zorder=3)
        axis.annotate(rf"$\alpha = {value:g}$ {text}", (at, value), place, arrowprops=arrow, fontsize=6.5)


def _draw_quarters(axis: Axes, records: list[dict]) -> None:
    layers = [_convolutions(record["measurements"]["layers"]) for record in records]
    wide = [[layer for layer in entries if len(layer["curvatures"]) == N_DIRECTIONS] for entries in layers]
    narrow = [layer for entries in layers for layer in entries if len(layer["curvatures"]) < N_DIRECTIONS]
    _draw_whole(axis, [layer for entries in wide for layer in entries])
    for entries, (color, marker, line) in zip(wide, SEED_STYLES, strict=True):
        slopes = quarter_fits(entries, "slope")
        axis.plot(QUARTERS, slopes.T, color=color, lw=0.4, alpha=0.35, zorder=1)
        axis.plot(QUARTERS, slopes.mean(0), marker=marker, ls=line, color=color, ms=4, mec="white", mew=0.4)
    label = f"the {len(narrow) // len(records)} narrower convolutions, mean of seeds"
    axis.plot(QUARTERS, quarter_fits(narrow, "slope").mean(0), "x-.", color=GREY, ms=4, lw=0.8, label=label)
    axis.set_xticks(QUARTERS, ["first", "second", "third", "last"])
    axis.set(xlabel="quarter of the singular index")
    axis.set_title(f"At the end, {len(wide[0])} convolutions of {N_DIRECTIONS} directions", loc="left")


def _draw_whole(axis: Axes, layers: list[dict]) -> None:
    """Show alpha over all directions, and how far from it the median 95 % interval of one quarter reaches."""
    whole = np.mean([_alpha(layer)["slope"] for layer in layers])
    width = np.median(quarter_fits(layers, "ci95_high") - quarter_fits(layers, "ci95_low"), axis=0) / 2
    places = QUARTERS + 0.14  # beside the means, not behind them
    axis.errorbar(places, [whole] * 4, width, fmt="none", ecolor=BLACK, elinewidth=0.8, capsize=2.5, capthick=0.8)
    axis.axhline(whole, color=BLACK, lw=0.6, zorder=0)
    axis.text(4.32, whole, f"all {N_DIRECTIONS}", va="bottom", ha="left", fontsize=6.5)
    axis.set_xlim(0.8, 4.6)
