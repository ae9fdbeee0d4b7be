"""Finite-difference curvature against the exact one over the step: error, and share of wrong signs."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, PercentFormatter

from layercurv.figures.style import BLUE, GREEN, GREY, PAGE_INCHES, VERMILION, new_figure

__all__ = ["RECORDS", "draw"]

RECORDS = tuple(f"hvp_validation/resnet18_cifar10_seed{seed}.small.json" for seed in range(3))

# (layers, precision, form) -> label, colour, marker and line.
CONVOLUTIONS = {
    ("conv", "float32", "loss"): ("single precision, loss", VERMILION, "o", ":"),
    ("conv", "float32", "gradient"): ("single precision, gradient", GREEN, "s", "--"),
    ("conv", "float64", "loss"): ("double precision, loss", BLUE, "^", "-"),
}
HEAD = {("linear", "float64", "loss"): ("double precision, loss: head (control)", GREY, "D", "-.")}


def draw(records: list[dict]) -> Figure:
    """Draw the median relative error and the share of negative values, each seed a line.

    Args:
        records: hvp_validation records of one network, one per seed.

    Returns:
        The figure.
    """
    figure = new_figure(PAGE_INCHES, 2.6)
    errors, signs = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_lines(errors, records, CONVOLUTIONS | HEAD, _median_error)
    _draw_lines(signs, records, CONVOLUTIONS, _negative_share)
    errors.axhline(1, color=GREY, lw=0.8, zorder=0)
    errors.set(yscale="log", ylabel="median relative error", ylim=(1e-8, 3e7))
    errors.yaxis.set_major_locator(FixedLocator([float(f"1e{power}") for power in range(-8, 8, 2)]))
    signs.set(ylabel="negative estimates", ylim=(-0.02, 1))
    signs.yaxis.set_major_formatter(PercentFormatter(1, 0))
    for axis in (errors, signs):
        axis.set(xscale="log", xlabel="step (distance in weight space)")
        axis.minorticks_off()
    errors.set_title("convolutions, and the head as a control", loc="left")
    signs.set_title("convolutions", loc="left")
    figure.legend(*_first_of_each(errors), loc="outside lower center", ncols=4)
    return figure


def _draw_lines(axis: Axes, records: list[dict], groups: dict, measure) -> None:
    for (kind, dtype, form), (label, color, marker, line) in groups.items():
        for record in records:
            layers = [layer for layer in record["measurements"]["layers"] if layer["kind"] == kind]
            steps, found, exact = _estimates(layers, dtype, form)
            values = measure(found, exact)
            axis.plot(steps, values, line, color=color, marker=marker, ms=3, mew=0, lw=0.9, alpha=0.85, label=label)


def _estimates(layers: list[dict], dtype: str, form: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # steps [S], estimates [S, directions of all layers], exact curvatures [directions]
    parts = [layer["finite_differences"] for layer in layers]
    chosen = [[e for e in part["estimates"] if (e["dtype"], e["form"]) == (dtype, form)] for part in parts]
    steps = np.array([estimate["step"] for estimate in chosen[0]])
    found = np.concatenate([[estimate["curvatures"] for estimate in estimates] for estimates in chosen], axis=1)
    return steps, found, np.concatenate([part["exact"] for part in parts])


def _median_error(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    return np.median(np.abs(found - exact) / np.abs(exact), axis=1)


def _negative_share(found: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.mean(found < 0, axis=1)


def _first_of_each(axis: Axes) -> tuple[list, list]:
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(reversed(labels), reversed(handles), strict=True))
    ordered = list(dict.fromkeys(labels))
    return [unique[label] for label in ordered], ordered
