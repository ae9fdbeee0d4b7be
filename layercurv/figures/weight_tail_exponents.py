"""Tail exponents of weight spectra: layer by layer beside s and Gaussian matrices, and against s in all networks."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator

from layercurv.figures.alpha_map_layers import layers_by_depth, short_name
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
from layercurv.fits import fit_spectral_exponents, gaussian_tail_exponents, tail_exponent

__all__ = ["RECORDS", "draw"]

BY_LAYER = "resnet18_cifar10"
# Network -> label, colour, marker, seeds.
NETWORKS = {
    BY_LAYER: ("ResNet-18", BLUE, "o", 3),
    "resnet50_tiny_imagenet": ("ResNet-50", BLACK, "s", 3),
    "vgg11_cifar10": ("VGG-11", GREEN, "^", 3),
    "mlp_cifar10": ("perceptron", ORANGE, "D", 3),
    "vit_cifar10": ("ViT", VERMILION, "v", 3),
    "gpt2_tiny_shakespeare": ("GPT-2", PURPLE, "P", 3),
}
RECORDS = tuple(
    f"weight_tail/{network}_seed{seed}.small.json"
    for network, (*_, n_seeds) in NETWORKS.items()
    for seed in range(n_seeds)
)
HALF_WIDTH = 1.96  # of a 95 % interval, in standard errors
TICKS = (1, 1.5, 2, 3, 5, 10, 20, 50)


def draw(records: list[dict]) -> Figure:
    """Draw exponents by layer of one network, and of all networks against s.

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    networks = {name: [r for r in records if r["variant"].rsplit("_seed", 1)[0] == name] for name in NETWORKS}
    figure = new_figure(PAGE_INCHES, 3.0)
    by_layer, against = figure.subplots(1, 2, width_ratios=[1.5, 1])
    _draw_by_layer(by_layer, networks[BY_LAYER])
    _draw_against(against, networks)
    for axis in (by_layer, against):
        axis.set(yscale="log", ylim=(0.9, 70))
        axis.yaxis.set_major_locator(FixedLocator(TICKS))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
    return figure


def _s(layer: dict) -> float:
    lists = (layer[key] for key in ("singular_values", "curvatures", "is_null"))
    return fit_spectral_exponents(*lists)["s"]["slope"]


def _draw_by_layer(axis: Axes, records: list[dict]) -> None:
    layers = layers_by_depth(records)
    for position, entries in enumerate(layers):
        gaussian = gaussian_tail_exponents(*entries[0]["shape"])
        axis.bar(position, max(gaussian) - min(gaussian), 0.8, bottom=min(gaussian), color="0.86", zorder=0)
        found = [tail_exponent(layer["weight_eigenvalues"]) for layer in entries]
        bars = [HALF_WIDTH * tail["standard_error"] for tail in found]
        offsets = position + np.linspace(-0.25, 0.25, len(found))
        exponents = [tail["exponent"] for tail in found]
        axis.errorbar(offsets, exponents, bars, fmt="o", ms=2.6, mew=0, color=VERMILION, elinewidth=0.6)
        axis.plot(offsets, [_s(layer) for layer in entries], "_", ms=5, mew=1.1, color=BLUE)
    axis.set_xticks(range(len(layers)), [short_name(entries[0]) for entries in layers], rotation=60)
    axis.set(xlim=(-0.7, len(layers) - 0.3), xlabel="layer, input to output", ylabel="exponent")
    handles = [
        Line2D([], [], color=VERMILION, marker="o", ms=2.6, mew=0, lw=0.6, label="tail of $W^\\top W$"),
        Line2D([], [], color=BLUE, marker="_", ms=5, mew=1.1, ls="none", label="$s$ of curvature"),
        Patch(color="0.86", label="tail, 19 Gaussian $W$"),
    ]
    axis.legend(handles=handles, loc="upper left", ncols=3, columnspacing=1.5, handletextpad=0.5, borderaxespad=0)
    axis.set_title("a  ResNet-18, layer by layer", loc="left")


def _draw_against(axis: Axes, networks: dict) -> None:
    axis.plot([0.8, 70], [0.8, 70], "--", color=GREY, lw=0.8, zorder=0)
    for name, (label, color, marker, _) in NETWORKS.items():
        layers = [layer for record in networks[name] for layer in record["measurements"]["layers"]]
        s, tails, lowest = np.transpose([_point(layer) for layer in layers])
        for shown, face in ((tails < lowest, color), (tails >= lowest, "none")):
            axis.plot(s[shown], tails[shown], marker, ms=3, mfc=face, mec=color, mew=0.6)
        n_seeds = len(networks[name])
        text = f"{label}, {n_seeds} seed" + "s" * (n_seeds > 1)
        axis.plot([], [], marker, ms=3, color=color, mew=0.6, label=text)
    axis.set(xscale="log", xlim=(0.8, 6.5), xlabel="$s$ of curvature", ylabel=r"tail exponent of $W^\top W$")
    axis.set_xticks([1, 1.5, 2, 3, 5], ["1", "1.5", "2", "3", "5"])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.text(6.2, 7.0, "equal", color=GREY, fontsize=6.5, ha="right", va="bottom")
    axis.text(6.4, 0.95, "filled: below 19 Gaussian $W$", fontsize=6.5, ha="right", va="bottom")
    axis.legend(loc="upper left", ncols=2, handletextpad=0, columnspacing=0.5, borderaxespad=0)
    axis.set_title("b  all networks", loc="left")


def _point(layer: dict) -> tuple[float, float, float]:
    # s, the tail of W, the lowest of Gaussian matrices
    tail = tail_exponent(layer["weight_eigenvalues"])["exponent"]
    return _s(layer), tail, min(gaussian_tail_exponents(*layer["shape"]))
