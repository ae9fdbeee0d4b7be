"""s = alpha*gamma on the same and on held-out images; its relative errors beside their bound and two nulls."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from layercurv.figures.alpha_map_layers import GROUPS, group
from layercurv.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PAGE_INCHES, VERMILION, new_figure
from layercurv.fits import fit_spectral_exponents, held_out_error, transfer_errors, usable_directions

RECORDS = tuple(f"alpha_triangle/resnet18_cifar10_seed{seed}.small.json" for seed in range(3))

LISTS = ("singular_values", "curvatures", "is_null")
# Name of a distribution over layers -> its legend, colour, line style and marker.
CURVES = {
    "error": (r"$\alpha\gamma$ for $s$, same images", BLACK, "-", "o"),
    "bound": ("bound on that, for any numbers", BLUE, "-.", None),
    "repeat": ("$s$ of one half for $s$ of the other", ORANGE, "--", None),
    "held_out": (r"$\alpha\gamma$ of one half for $s$ of the other", VERMILION, "-", "^"),
    "other_alpha": (r"each layer's $\alpha$ in turn, median", GREEN, ":", "s"),
}


def draw(records: list[dict]) -> Figure:
    """Draw the relation and the distributions of its relative error.

    Args:
        records: alpha_triangle records of one network, one per seed.

    Returns:
        The figure.
    """
    figure = new_figure(PAGE_INCHES, 2.75)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    layers = [layer for record in records for layer in record["measurements"]["layers"]]
    _draw_relation(left, layers)
    _draw_errors(right, layers)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    return figure


def _exponents(half: dict) -> dict:
    return fit_spectral_exponents(*(half[key] for key in LISTS))


def _draw_relation(axis: Axes, layers: list[dict]) -> None:
    for name, (color, marker) in GROUPS.items():
        fits = [(_exponents(la["a"]), _exponents(la["b"])) for la in layers if group(la["a"]) == name]
        product = [a["alpha"]["slope"] * a["gamma"]["slope"] for a, _ in fits]
        held_out, same = ([pair[half]["s"]["slope"] for pair in fits] for half in (1, 0))
        axis.plot(product, held_out, marker, ms=3.4, mfc="none", mec=color, mew=0.5, alpha=0.7)
        axis.plot(product, same, marker, ms=3, color=color, mew=0, label=name)
    ends = np.array([1.3, 3.7])
    axis.plot(ends, ends, color=GREY, lw=0.7, zorder=0)
    axis.set(xlim=ends, ylim=ends, xlabel=r"$\alpha\gamma$ of one half of the images", ylabel=r"$s$, curvatures sorted")
    handles, _ = axis.get_legend_handles_labels()
    handles.append(Line2D([], [], ls="none", marker="o", ms=3, color=GREY, mew=0, label="filled: $s$ of the same half"))
    handles.append(Line2D([], [], ls="none", marker="o", ms=3.4, mfc="none", mec=GREY, label="open: $s$ of the other"))
    axis.legend(handles=handles, loc="upper left", handletextpad=0.1)


def _draw_errors(axis: Axes, layers: list[dict]) -> None:
    share = np.arange(1, len(layers) + 1) / len(layers)
    null = [layer["transfer"]["residual_null"]["unsorted"] for layer in layers]
    low, middle, high = (np.sort([entry[key] for entry in null]) for key in ("ci95_low", "median", "ci95_high"))
    axis.fill_betweenx(share, low, high, color=GREY, alpha=0.25, lw=0, label="residuals permuted, 95 % of draws")
    axis.plot(middle, share, color=GREY, lw=0.8, label="residuals permuted, median")
    errors = [_errors(layer) for layer in layers]
    for name, (label, color, style, marker) in CURVES.items():
        values = np.sort([entry[name] for entry in errors])
        axis.plot(values, share, ls=style, color=color, marker=marker, ms=2.0, mew=0, label=label)
    axis.set(xscale="log", xlim=(2e-4, 1), ylim=(0, 1.02), ylabel=f"share of {len(layers)} layers and seeds")
    axis.minorticks_off()
    axis.set_xlabel(r"relative error of $s$, curvatures in the order of $k$")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


def _errors(layer: dict) -> dict[str, float]:
    # s in the order of k throughout: of a sorted s the bound does not speak
    a, b = ((*(np.array(layer[half][key]) for key in LISTS),) for half in ("a", "b"))
    keep_a, keep_b = usable_directions(*a), usable_directions(*b)
    found = transfer_errors(*a[:2], keep_a)
    s_a, s_b = (_exponents(layer[half])["s_unsorted"]["slope"] for half in ("a", "b"))
    return {
        "error": found["unsorted"],
        "bound": found["bound"],
        "repeat": abs(s_a - s_b) / abs(s_b),
        "held_out": held_out_error(*a[:2], keep_a, b[1], keep_b)["unsorted"],
        "other_alpha": layer["transfer"]["alpha_null"]["unsorted"]["median"],
    }
