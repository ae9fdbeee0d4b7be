"""alpha of every layer of one network when measured on more and more images, and its median over convolutions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layercurv.figures.alpha_map_layers import exponents, layers_by_depth, short_name
from layercurv.figures.style import BLACK, BLUE, GREY, ORANGE, PAGE_INCHES, SKY, new_figure

__all__ = ["RECORDS", "draw"]

N_SEEDS = 3
# B -> end of the records' name, colour, marker, line.
SAMPLES = {
    64: ("_B64", ORANGE, "s", ":"),
    512: ("_B512", SKY, "^", "-."),
    2048: ("", BLUE, "o", "-"),
    8192: ("_B8192", BLACK, "D", "--"),
}
RECORDS = tuple(
    f"alpha_map/resnet18_cifar10{ending}_seed{seed}.small.json"
    for ending, *_ in SAMPLES.values()
    for seed in range(N_SEEDS)
)
SEED_MARKERS = "o^s"


def draw(records: list[dict]) -> Figure:
    """Draw means over seeds by layer, and each seed's median over convolutions against B.

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    networks = {B: [r for r in records if r["measurements"]["n_samples"] == B] for B in SAMPLES}
    figure = new_figure(PAGE_INCHES, 2.4)
    by_layer, medians = figure.subplots(1, 2, width_ratios=(3, 1), sharey=True)
    _draw_by_layer(by_layer, networks)
    _draw_medians(medians, networks)
    for axis in (by_layer, medians):
        axis.axhline(2, color=GREY, lw=0.8, ls="--", zorder=0)
    return figure


def _draw_by_layer(axis: Axes, networks: dict[int, list[dict]]) -> None:
    for B, records in networks.items():
        _, color, marker, line = SAMPLES[B]
        layers = layers_by_depth(records)
        slopes = np.array([[exponents(layer)["alpha"]["slope"] for layer in seeds] for seeds in layers])
        axis.plot(slopes.mean(axis=1), line, color=color, marker=marker, ms=3, mew=0, lw=0.9, label=f"$B$ = {B}")
    axis.set_xticks(range(len(layers)), [short_name(seeds[0]) for seeds in layers], rotation=60)
    axis.set(xlim=(-0.6, len(layers) - 0.4), xlabel="layer, input to output", ylabel=r"curvature exponent $\alpha$")
    axis.legend(loc="lower center", ncols=len(networks), columnspacing=1.5)
    axis.set_title("a  every layer, means of three seeds", loc="left")


def _draw_medians(axis: Axes, networks: dict[int, list[dict]]) -> None:
    by_seed = [sorted(records, key=lambda record: record["provenance"]["seed"]) for records in networks.values()]
    for seed, records in enumerate(zip(*by_seed, strict=True)):
        medians = [_median(record["measurements"]["layers"]) for record in records]
        marker = SEED_MARKERS[seed]
        axis.plot(
            list(networks), medians, color=GREY, lw=0.7, marker=marker, ms=3.5, mfc=BLACK, mew=0, label=f"seed {seed}"
        )
    axis.set(xscale="log", xlabel="images $B$", xlim=(40, 13_000))
    axis.minorticks_off()
    axis.set_xticks(list(networks), [str(B) for B in networks])
    axis.legend(loc="lower center", handlelength=1.5)
    axis.set_title("b  median over convolutions", loc="left")


def _median(layers: list[dict]) -> float:
    return float(np.median([exponents(layer)["alpha"]["slope"] for layer in layers if layer["kind"] == "conv"]))
