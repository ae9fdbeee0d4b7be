"""How far Spectral Newton turns from the gradient: by layer, at start and end, and by what exceeds the damping."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layercurv.figures.style import BLACK, BLUE, GREEN, GREY, PAGE_INCHES, PURPLE, VERMILION, new_figure

__all__ = ["RECORDS", "draw"]

# Optimiser that trained the network -> label, colour, marker.
OPTIMIZERS = {
    "adamw": ("AdamW", PURPLE, "D"),
    "sgd": ("SGD with momentum", BLUE, "^"),
    "muon": ("Muon", GREEN, "s"),
    "spectral_newton_2": (r"Spectral Newton, $\alpha$ = 2", VERMILION, "o"),
}
OWN = "spectral_newton_2"
RECORDS = tuple(
    f"spectral_newton/{variant}_cifar10_seed{seed}.small.json" for variant in OPTIMIZERS for seed in range(3)
)
PLACES = (-0.16, 0.0, 0.16, 0.32)  # beside the whole number, in the order of the optimisers
SEED_LOOKS = ((BLUE, "o", "-"), (VERMILION, "^", "--"), (GREEN, "s", ":"))
# If all sigma^2 <= d, sigma / (sigma^2 + d) is between 1/2 and 1 times sigma / d, and the cosine is at least
# 2 sqrt(1/2) / (1 + 1/2) (Kantorovich's inequality).
BOUND = 2 * math.sqrt(2) / 3
N_CLASSES = 10


def draw(records: list[dict]) -> Figure:
    """Draw cosines by layer (left) and against the number of large singular values (right).

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    runs = {variant: [record for record in records if _variant(record) == variant] for variant in OPTIMIZERS}
    figure = new_figure(PAGE_INCHES, 3.4)
    axes = figure.subplot_mosaic([["first", "count"], ["last", "count"]], width_ratios=(1.2, 1), height_ratios=(2, 1))
    _draw_layers(axes["first"], runs[OWN], 0)
    _draw_layers(axes["last"], runs[OWN], -1)
    axes["first"].set(ylim=(0, 1.04), yticks=[0, 0.25, 0.5, 0.75, 1])
    axes["last"].set(ylim=(0.5, 1.04), yticks=[0.5, 0.75, 1])  # half the range on half the height
    axes["first"].tick_params(labelbottom=False)
    axes["last"].set_xlabel("layer, input to output")
    axes["first"].legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 0.98), borderaxespad=0, handlelength=2.5)
    _draw_counts(axes["count"], runs)
    handles, labels = axes["count"].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=len(labels), handletextpad=0.2, columnspacing=1.5)
    titles = {
        "first": "a  at the start",
        "last": "b  trained by Spectral Newton",
        "count": "c  all networks and layers",
    }
    for name, title in titles.items():
        axes[name].set_title(title, loc="left")
    return figure


def n_above_damping(layer: dict, width: int) -> int:
    """Count the singular values that the damping does not exceed.

    Args:
        layer: A layer entry of `cosines`.
        width: Channels of the ResNet-18's first stage.

    Returns:
        Number of singular values with sigma^2 >= d, of the min(m, n) there are.
    """
    return round((1 - layer["share_below_damping"]) * _n_singular_values(layer["name"], width))


def _n_singular_values(name: str, width: int) -> int:
    # min(m, n): the classes of the head, the inputs of a 1 x 1 shortcut, the outputs of any other layer.
    if name == "fc":
        return N_CLASSES
    stage = 1 if name == "conv1" else int(name.removeprefix("layer").split(".")[0])
    outputs = width * 2 ** (stage - 1)
    return outputs // 2 if "downsample" in name else outputs


def _variant(record: dict) -> str:
    return record["variant"].split("_cifar10")[0]


def _short(name: str) -> str:
    short = name.removeprefix("layer").replace("downsample.0", "s")
    return {"conv1": "stem", "fc": "head"}.get(short, short.replace("conv", ""))


def _cosines(layers: list[dict]) -> list[float]:
    return [layer["cosine"]["alpha_2"] for layer in layers]


def _draw_layers(axis: Axes, records: list[dict], time: int) -> None:
    for record, (color, marker, line) in zip(records, SEED_LOOKS, strict=True):
        layers = record["measurements"]["cosines"][time]["layers"]
        label = f"seed {record['provenance']['seed']}"
        axis.plot(_cosines(layers), line, color=color, marker=marker, ms=3, mew=0, lw=0.8, label=label)
    axis.set_xticks(range(len(layers)), [_short(layer["name"]) for layer in layers], rotation=60)
    axis.set(xlim=(-0.6, len(layers) - 0.4), ylabel="cosine")


def _draw_counts(axis: Axes, runs: dict) -> None:
    _draw_column(axis, runs[OWN], 0, -0.32, GREY, "x", "at the start", mew=0.8)
    for place, (variant, (label, color, marker)) in zip(PLACES, OPTIMIZERS.items(), strict=True):
        _draw_column(axis, runs[variant], -1, place, color, marker, f"trained by {label}", mfc="none", mew=0.6)
    for place in (0.5, 1.5, 2.5):
        axis.axvline(place, color=GREY, lw=0.3, zorder=0)
    axis.plot([-0.42, 0.42], [BOUND] * 2, color=BLACK, lw=0.8)
    axis.text(-0.42, BOUND - 0.02, "least\npossible", va="top", fontsize=6.5)
    axis.set(
        ylim=(0, 1.04), xlim=(-0.5, 3.5), ylabel="cosine", xlabel=r"singular values with $\sigma^2 \geq d$ in the layer"
    )
    axis.set_xticks(range(4))


def _draw_column(
    axis: Axes, records: list[dict], time: int, place: float, color: str, marker: str, label, **look
) -> None:
    for record in records:
        width = record["provenance"]["config"]["model"]["width"]
        layers = record["measurements"]["cosines"][time]["layers"]
        counts = np.array([n_above_damping(layer, width) for layer in layers])
        axis.plot(counts + place, _cosines(layers), marker, color=color, ms=3, label=label, **look)
        label = None  # once in the legend
