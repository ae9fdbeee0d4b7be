"""alpha against depth in six networks: every layer, three seeds, coloured by kind of layer."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from layercurv.figures.layer_roles import ROLE_NAMES, exponents, layers_of_role
from layercurv.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAGE_INCHES,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
)

__all__ = ["RECORDS", "draw"]

SEEDS = 3
NETWORKS = {
    "vgg11_cifar10": "VGG-11",
    "resnet18_cifar10": "ResNet-18",
    "resnet50_tiny_imagenet": "ResNet-50",
    "vit_cifar10": "ViT",
    "gpt2_tiny_shakespeare": "GPT-2",
    "mlp_cifar10": "perceptron",
}
RECORDS = tuple(f"alpha_map/{name}_seed{seed}.small.json" for name in NETWORKS for seed in range(SEEDS))

# Role -> colour and marker.
ROLES = {
    "conv": (BLUE, "o"),
    "attention_qkv": (VERMILION, "^"),
    "attention_projection": (ORANGE, "v"),
    "mlp_up": (GREEN, "s"),
    "mlp_down": (SKY, "D"),
    "linear": (GREEN, "s"),
    "head": (PURPLE, "X"),
}
IN_PARALLEL = (".k_proj", ".v_proj")  # beside the layer before: they read the same input


def draw(records: list[dict]) -> Figure:
    """Draw one panel for each network.

    Args:
        records: Those of `RECORDS`, in their order.

    Returns:
        The figure.
    """
    figure = new_figure(PAGE_INCHES, 3.6)
    axes = figure.subplots(2, 3, sharey=True)
    for position, (axis, label) in enumerate(zip(axes.flat, NETWORKS.values(), strict=True)):
        _draw_network(axis, records[SEEDS * position : SEEDS * (position + 1)])
        axis.set_title(f"{'abcdef'[position]}  {label}", loc="left")
    for axis in axes[-1]:
        axis.set_xlabel("depth in weight layers")
    for axis in axes[:, 0]:
        axis.set_ylabel(r"curvature exponent $\alpha$")
    handles = [
        Line2D([], [], color=color, marker=marker, ms=3.5, mew=0, ls="none", label=ROLE_NAMES[role])
        for role, (color, marker) in ROLES.items()
        if role != "linear"
    ]
    handles.append(Line2D([], [], color=BLACK, lw=1.0, label="mean over seeds"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, handletextpad=0.3, columnspacing=1.4)
    return figure


def depths(layers: list[dict]) -> dict[str, int]:
    """Count weight layers on the longest way from the input.

    Args:
        layers: Layer entries in the order the network registers them.

    Returns:
        Layer name to its depth, from 1. A shortcut has that of the first convolution beside it, keys and values that of
        the queries.
    """
    found: dict[str, int] = {}
    depth = 0
    for layer in layers:
        name = layer["name"]
        if ".downsample" in name:
            found[name] = found[f"{name.partition('.downsample')[0]}.conv1"]
            continue
        depth += not name.endswith(IN_PARALLEL)
        found[name] = depth
    return found


def _draw_network(axis: Axes, records: list[dict]) -> None:
    axis.axhline(2, color=GREY, lw=0.8, ls="--", zorder=0)
    place = depths(records[0]["measurements"]["layers"])
    for role, (color, marker) in ROLES.items():
        layers = [layers_of_role(record, role) for record in records]
        if not layers[0]:
            continue
        alphas = np.array([exponents(found) for found in layers])  # [seeds, layers]
        x = np.array([place[layer["name"]] for layer in layers[0]])
        for values in alphas:
            axis.plot(x, values, marker, ms=2.4, mew=0, alpha=0.55, color=color)
        _draw_means(axis, x, alphas.mean(axis=0))
    axis.set(ylim=(0.7, 3.6), yticks=(1, 2, 3))


def _draw_means(axis: Axes, x: np.ndarray, means: np.ndarray) -> None:
    half = 0.32
    axis.hlines(means, x - half, x + half, color=BLACK, lw=0.9)
