"""alpha of VGG-11's convolutions against the number of samples and along training, measured and predicted."""

import functools
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layercurv.figures.noise_subjects import alpha_of, crossover_batches, mean_alpha, pairs, record_names
from layercurv.figures.style import BLACK, BLUE, GREY, ORANGE, PAGE_INCHES, SKY, new_figure

__all__ = ["RECORDS", "draw"]

STEM, B = "vgg11_cifar10", 512  # the network, and the batch on which it is followed along training
BATCHES = {64: f"{STEM}_B64", B: f"{STEM}_B512", 2048: STEM, 8192: f"{STEM}_B8192"}
EPOCHS = {epoch: f"{STEM}_B512_epoch{epoch}" for epoch in (0, 1)} | {8: f"{STEM}_B512"}
RECORDS = record_names(dict.fromkeys([*BATCHES.values(), *EPOCHS.values()], 3) | {BATCHES[8192]: 1})
KINDS = {
    "sign_flips": (ORANGE, "s", "noise alone: random signs"),
    "signal": (SKY, "^", "signal alone: other images"),
    "signal_plus_noise": (BLUE, "D", "signal and noise"),
}
LIMITS = (1.5, 2.9)
Seeds = list[tuple[dict, dict]]  # prediction and measurement of each training


def draw(records: list[dict]) -> Figure:
    """Draw means over convolutions against B and against epochs, and the batch at which signal equals noise.

    Args:
        records: Those of `RECORDS`.

    Returns:
        The figure.
    """
    found: dict[str, Seeds] = {}
    for said, measured in pairs(records):
        found.setdefault(said["variant"].rpartition("_seed")[0], []).append((said, measured))
    figure = new_figure(PAGE_INCHES, 2.5)
    by_batch, by_epoch, crossover = figure.subplots(1, 3, width_ratios=(1.25, 1.25, 1))
    _draw_means(by_batch, {batch: found[variant] for batch, variant in BATCHES.items()})
    by_batch.set(xscale="log", xlabel="images $B$", ylabel=r"$\alpha$, mean over convolutions")
    by_batch.set_ylim(*LIMITS)
    by_batch.minorticks_off()
    by_batch.set_xticks(list(BATCHES), [str(batch) for batch in BATCHES])
    by_batch.legend(loc="lower right", fontsize=6)
    by_batch.set_title("a  trained, against $B$", loc="left")
    along = {epoch: found[variant] for epoch, variant in EPOCHS.items()}
    _draw_means(by_epoch, along)
    by_epoch.set(xlabel="epochs of training", xticks=list(EPOCHS), ylim=LIMITS)
    by_epoch.set_title(f"b  along training, $B$ = {B}", loc="left")
    _draw_crossover(crossover, along)
    return figure


def _draw_means(axis: Axes, found: dict[int, Seeds]) -> None:
    for kind, (color, marker, label) in KINDS.items():
        predicted = functools.partial(mean_alpha, kind=kind)
        means = [np.mean([_mean(said, predicted) for said, _ in seeds]) for seeds in found.values()]
        axis.plot(list(found), means, color=color, marker=marker, ms=3.2, mew=0, lw=0.9, label=label)
    for x, seeds in found.items():
        for _, measured in seeds:
            axis.plot(x, _mean(measured, alpha_of), "o", color=BLACK, ms=4, mfc="none", mew=0.9)
    axis.plot([], [], "o", color=BLACK, ms=4, mfc="none", mew=0.9, label="measured")
    axis.axhline(2, color=GREY, lw=0.8, ls="--", zorder=0)


def _mean(record: dict, exponent: Callable[[dict], float]) -> float:
    return float(np.mean([exponent(la) for la in record["measurements"]["layers"] if la["kind"] == "conv"]))


def _draw_crossover(axis: Axes, found: dict[int, Seeds]) -> None:
    for epoch, seeds in found.items():
        layers = [batch for said, _ in seeds for batch in crossover_batches(said)]
        shown = [batch for batch in layers if np.isfinite(batch)]
        axis.plot([epoch] * len(shown), shown, "o", color=GREY, ms=2, mew=0, alpha=0.5)
        axis.plot(epoch, np.median(layers), "_", color=BLACK, ms=9, mew=1.4)
    axis.axhline(B, color=BLUE, lw=0.8, ls=":")
    axis.set(yscale="log", xlabel="epochs of training", xticks=list(EPOCHS), ylabel="$B^*$, signal equals noise")
    axis.minorticks_off()
    axis.set_title("c  crossover, every layer", loc="left")
