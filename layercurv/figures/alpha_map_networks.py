"""alpha of every layer by kind and network, medians over seeds, and what the source paper states, prints and has."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from layercurv.figures.layer_roles import (
    ROLE_NAMES,
    change_without_first,
    exponents,
    layers_of_role,
    seed_interval,
)
from layercurv.figures.printed import AUDIT, printed_values
from layercurv.figures.style import BLACK, BLUE, GREEN, GREY, PAGE_INCHES, PURPLE, VERMILION, new_figure

__all__ = ["RECORDS", "draw"]

# Record without seed -> label, and numbers of frozen seeds measured whole and in halves.
NETWORKS = {
    "resnet18_cifar10": ("ResNet-18", 3, 3),
    "vgg11_cifar10": ("VGG-11", 3, 3),
    "resnet50_tiny_imagenet": ("ResNet-50", 3, 0),
    "mobilenet_v2_cifar10": ("MobileNetV2", 3, 0),
    "convnext_cifar10": ("ConvNeXt", 3, 0),
    "vit_cifar10": ("ViT", 3, 3),
    "gpt2_tiny_shakespeare": ("GPT-2", 3, 3),
    "mlp_cifar10": ("MLP", 3, 3),
}


def record_names() -> tuple[str, ...]:
    """List the records of all networks and frozen seeds.

    Returns:
        Paths below the results folder: whole samples, samples in halves, and the audit.
    """
    counted = [("alpha_map", name, n) for name, (_, n, _) in NETWORKS.items()]
    counted += [("alpha_triangle", name, n) for name, (_, _, n) in NETWORKS.items()]
    names = [f"{folder}/{name}_seed{seed}.small.json" for folder, name, n in counted for seed in range(n)]
    return *names, AUDIT


RECORDS = record_names()

# Role -> colour, what the source paper states in words, and the values that round to it.
GROUPS = {
    "conv": (BLUE, r"$\alpha \approx 2$", (1.5, 2.5)),
    "attention_qkv": (VERMILION, r"$\alpha \approx 1$", (0.5, 1.5)),
    "attention_projection": (VERMILION, r"$\alpha \approx 1$", (0.5, 1.5)),
    "mlp_up": (GREEN, r"$\alpha < 1$", (0.0, 1.0)),
    "mlp_down": (GREEN, "", None),
    "linear": (GREEN, "", None),
    "head": (PURPLE, r"$\alpha > 2$", (2.0, 9.0)),
}
# Role and network -> row of the audit that holds the printed mean (or range) and its readings from published data.
PRINTED = {
    ("conv", "resnet18_cifar10"): "C021",
    ("conv", "vgg11_cifar10"): "C022",
    ("conv", "resnet50_tiny_imagenet"): "C026",
    ("attention_qkv", "vit_cifar10"): "C161",
    ("attention_qkv", "gpt2_tiny_shakespeare"): "C044",
    ("attention_projection", "gpt2_tiny_shakespeare"): "C048",
    ("mlp_up", "vit_cifar10"): "C164",
    ("mlp_up", "gpt2_tiny_shakespeare"): "C052",
    ("mlp_down", "gpt2_tiny_shakespeare"): "C056",
    ("linear", "mlp_cifar10"): "C031",
    ("head", "vgg11_cifar10"): "C037",
    ("head", "resnet50_tiny_imagenet"): "C033",
    ("head", "gpt2_tiny_shakespeare"): "C043",
}
LIMITS = (0.5, 3.65)
HEADER = 0.95  # height of a group's heading, in rows
TRACKS = {0: (), 1: (0.0,), 2: (-0.13, 0.13), 3: (-0.24, 0.0, 0.24)}  # seeds within a row


def draw(records: list[dict]) -> Figure:
    """Draw exponents, what they gain without the first direction, and what is left of sigma on other samples.

    Args:
        records: Those of `RECORDS`, in their order.

    Returns:
        The figure.
    """
    whole, halved = by_network(records)
    figure = new_figure(PAGE_INCHES, 6.2)
    axes = figure.subplots(1, 3, sharey=True, width_ratios=[4.2, 1, 1])
    labels, depth = {}, 0.0
    for role, (color, statement, band) in GROUPS.items():
        _draw_heading(axes, depth, role, statement)
        rows = [network for network, seeds in whole.items() if layers_of_role(seeds[0], role)]
        top = depth + HEADER
        if band:
            axes[0].fill_between(band, top - 0.5, top + len(rows) - 0.5, color=GREY, alpha=0.22, lw=0, zorder=0)
        for y, network in enumerate(rows):
            seeds = [layers_of_role(record, role) for record in whole[network]]
            halves = [layers_of_role(record, role) for record in halved[network]]
            _draw_row(axes, top + y, seeds, halves, color)
            _draw_published(axes[0], top + y, records[-1], PRINTED.get((role, network)))
            labels[top + y] = _label(role, network, len(seeds[0]))
        depth = top + len(rows)
    _finish(figure, axes, labels, depth)
    return figure


def by_network(records: list[dict]) -> tuple[dict[str, list[dict]], dict[str, list[dict]]]:
    """Sort records by network.

    Args:
        records: Those of `RECORDS`, in their order.

    Returns:
        Twice a key of `NETWORKS` to its records, one per seed: those of whole samples, and those of halves.
    """
    remaining = iter(records)
    whole = {name: [next(remaining) for _ in range(n)] for name, (_, n, _) in NETWORKS.items()}
    halved = {name: [first_half(next(remaining)) for _ in range(n)] for name, (_, _, n) in NETWORKS.items()}
    return whole, halved


def first_half(record: dict) -> dict:
    """Bring an alpha_triangle record into the form of alpha_map.

    Args:
        record: A record of samples in halves.

    Returns:
        The layers as measured on the first half; `other_slopes` are the second half's slopes u^T G v along the same
        directions.
    """
    layers = [layer["a"] | {"other_slopes": layer["crossed"]["slopes"]} for layer in record["measurements"]["layers"]]
    return {"measurements": {"layers": layers}}


def share_left(layer: dict) -> float:
    """Say what part of a singular value other samples show along the same direction.

    Args:
        layer: A layer of `first_half`.

    Returns:
        Median over directions that are not null of u^T G' v / sigma, G' the gradient of the other half.
    """
    sigma, slopes, null = (np.asarray(layer[key]) for key in ("singular_values", "other_slopes", "is_null"))
    return float(np.median(slopes[~null] / sigma[~null]))


def published(audit: dict, row: str) -> tuple[list[float], list[float]]:
    """Look up what the source paper prints and what its published data give.

    Args:
        audit: The audit's record.
        row: Id of a printed number.

    Returns:
        The printed number, and its readings; none where no published file bears on it.
    """
    found = audit["measurements"]["rows"][row]
    return list(printed_values([audit], row)), [v for reading in found["readings"] for v in reading["values"]]


def _label(role: str, network: str, n_layers: int) -> str:
    name, n_seeds, _ = NETWORKS[network]
    name += " patches" if (role, network) == ("conv", "vit_cifar10") else ""
    return f"{name} ({n_layers})" + {1: ", one seed", 2: ", two seeds"}.get(n_seeds, "")


def _draw_heading(axes: np.ndarray, depth: float, role: str, statement: str) -> None:
    left, across = axes[0], axes[0].get_yaxis_transform()
    left.text(0.01, depth, ROLE_NAMES[role], transform=across, va="center", fontweight="bold", fontsize=6.5)
    if statement:
        words = f"source paper: {statement}"
        left.text(0.99, depth, words, transform=across, va="center", ha="right", fontsize=6.5, color="0.35")
    for axis in axes:
        axis.axhline(depth - 0.5, color="0.8", lw=0.4, zorder=0)


def _draw_row(axes: np.ndarray, y: float, seeds: list[list[dict]], halves: list[list[dict]], color: str) -> None:
    left, middle, right = axes
    for layers, track in zip(seeds, TRACKS[len(seeds)], strict=True):
        found = exponents(layers)
        left.plot(found, np.full(found.size, y + track), "o", ms=2.0, mew=0, color=color, alpha=0.6)
    medians = [float(np.median(exponents(layers))) for layers in seeds]
    changes = [float(np.median(change_without_first(layers))) for layers in seeds]
    shares = [float(np.median([share_left(layer) for layer in layers])) for layers in halves]
    _draw_seeds(left, y, medians, color, marker="|", ms=6.0, mew=1.4)
    _draw_seeds(middle, y, changes, color, marker="o", ms=2.2, mew=0)
    _draw_seeds(right, y, shares, color, marker="o", ms=2.2, mew=0)


def _draw_seeds(axis: Axes, y: float, values: list[float], color: str, **look) -> None:
    for value, track in zip(values, TRACKS[len(values)], strict=True):
        axis.plot([value], [y + track], ls="none", color=color, **look)
    interval = seed_interval(values)
    if interval:
        axis.fill_between(interval, y - 0.4, y + 0.4, color=color, alpha=0.25, lw=0, zorder=1)
        axis.plot([np.mean(values)] * 2, [y - 0.4, y + 0.4], color=BLACK, lw=0.9, zorder=4)


def _draw_published(axis: Axes, y: float, audit: dict, row: str | None) -> None:
    if row is None:
        return
    printed, readings = published(audit, row)
    if len(printed) > 1:
        axis.plot(printed, [y] * len(printed), color=BLACK, lw=0.7, zorder=5)
    axis.plot(readings, [y] * len(readings), "x", ms=3.2, mew=0.8, color=BLACK, zorder=6)
    for value in printed:
        if value < LIMITS[1]:
            axis.plot([value], [y], "D", ms=3.4, mew=0.8, mfc="white", mec=BLACK, zorder=5)
        else:
            axis.annotate(
                f"printed {value}", (LIMITS[1], y), (LIMITS[1] - 0.12, y), ha="right", va="center", fontsize=6,
                arrowprops={"arrowstyle": "->", "lw": 0.7, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip


def _finish(figure: Figure, axes: np.ndarray, labels: dict[float, str], depth: float) -> None:
    left, middle, right = axes
    left.set(xlim=LIMITS, ylim=(depth - 0.4, -0.5), xlabel=r"curvature exponent $\alpha$")
    left.set_yticks(list(labels), list(labels.values()))
    left.set_title("a  every layer by kind and network", loc="left")
    middle.set(xlabel=r"change of $\alpha$")
    middle.set_title("b  without $k$ = 1", loc="left")
    right.set(xlabel=r"share of $\sigma_k$ left", xlim=(-0.4, 1.05), xticks=[0, 0.5, 1])
    right.set_title("c  other samples", loc="left")
    for axis in (middle, right):
        axis.axvline(0, color=GREY, lw=0.8, ls="--", zorder=0)
    for axis in axes:
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
    figure.legend(handles=_handles("0.25"), loc="outside lower center", ncols=3, handletextpad=0.4, columnspacing=1.4)


def _handles(dark: str) -> list:
    black = {"color": BLACK, "ls": "none", "mew": 0.8}
    return [
        Line2D([], [], color=dark, marker="o", ms=2.2, mew=0, ls="none", label="one layer, one seed"),
        Line2D([], [], color=dark, marker="|", ms=6, mew=1.4, ls="none", label="median over layers, one seed"),
        Patch(color=dark, alpha=0.25, lw=0, label="mean of medians (line), 95 % interval over seeds"),
        Line2D([], [], marker="D", ms=3.4, mfc="white", label="printed by the source paper", **black),
        Line2D([], [], marker="x", ms=3.2, label="recomputed from its published data", **black),
        Patch(color=GREY, alpha=0.22, lw=0, label="values its statement allows, when rounded"),
    ]
