"""alpha of ResNet-18's convolutions against the number of samples and along training, measured and predicted."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layercurv.figures.noise_subjects import alpha_of, crossover_batches, mean_alpha, pairs, record_names
from layercurv.figures.style import BLACK, BLUE, GREY, ORANGE, PAGE_INCHES, SKY, new_figure

__all__ = ["RECORDS", "draw"]

BATCHES = {64: "_B64", 512: "_B512", 2048: "", 8192: "_B8192"}
EPOCHS = {0: "_epoch0", 1: "_epoch1", 2: "_epoch2", 4: "_epoch4", 8: ""}
STEM = "resnet18_cifar10"
RECORDS = tuple(
    record_names(
        list(dict.fromkeys([STEM + end for end in BATCHES.values()] + [f"{STEM}_B512{e}" for e in EPOCHS.values()])), 1
    )
)
KINDS = {
    "sign_flips": (ORANGE, "s", "noise alone: random signs"),
    "signal": (SKY, "^", "signal alone: other images' gradient"),
    "signal_plus_noise": (BLUE, "D", "signal and noise"),
}


def draw(records: list[dict]) -> Figure:
    """Draw means over convolutions against B and against epochs, and the batch at which signal equals noise.

    Args:
        records: Those of `RECORDS`.

    Returns:
        The figure.
    """
    found = {said["variant"].removesuffix("_seed0"): (said, measured) for said, measured in pairs(records)}
    figure = new_figure(PAGE_INCHES, 2.5)
    by_batch, by_epoch, crossover = figure.subplots(1, 3, width_ratios=(1.25, 1.25, 1))
    _draw_means(by_batch, {B: found[STEM + end] for B, end in BATCHES.items()})
    by_batch.set(xscale="log", xlabel="images $B$", ylabel=r"$\alpha$, mean over convolutions")
    by_batch.minorticks_off()
    by_batch.set_xticks(list(BATCHES), [str(B) for B in BATCHES])
    by_batch.set_title("a  trained, against $B$", loc="left")
    along = {epoch: found[f"{STEM}_B512{end}"] for epoch, end in EPOCHS.items()}
    _draw_means(by_epoch, along)
    by_epoch.set(xlabel="epochs of training", xticks=list(EPOCHS))
    by_epoch.sharey(by_batch)
    by_epoch.set_title("b  along training, $B$ = 512", loc="left")
    by_epoch.legend(*by_batch.get_legend_handles_labels(), loc="lower right", fontsize=6)
    _draw_crossover(crossover, along)
    return figure


def _draw_means(axis: Axes, found: dict[int, tuple[dict, dict]]) -> None:
    for kind, (color, marker, label) in KINDS.items():
        means = [np.mean([mean_alpha(la, kind) for la in _convolutions(said)]) for said, _ in found.values()]
        axis.plot(list(found), means, color=color, marker=marker, ms=3.2, mew=0, lw=0.9, label=label)
    measured = [np.mean([alpha_of(la) for la in _convolutions(record)]) for _, record in found.values()]
    axis.plot(list(found), measured, "o", color=BLACK, ms=4.5, mfc="none", mew=1.0, label="measured")
    axis.axhline(2, color=GREY, lw=0.8, ls="--", zorder=0)


def _draw_crossover(axis: Axes, found: dict[int, tuple[dict, dict]]) -> None:
    for epoch, (said, _) in found.items():
        batches = [b for b in crossover_batches(said) if np.isfinite(b)]
        axis.plot([epoch] * len(batches), batches, "o", color=GREY, ms=2, mew=0, alpha=0.5)
        axis.plot(epoch, np.median(crossover_batches(said)), "_", color=BLACK, ms=9, mew=1.4)
    axis.axhline(512, color=BLUE, lw=0.8, ls=":")
    axis.set(yscale="log", xlabel="epochs of training", xticks=list(EPOCHS), ylabel="$B^*$, signal equals noise")
    axis.minorticks_off()
    axis.set_title("c  crossover, every layer", loc="left")


def _convolutions(record: dict) -> list[dict]:
    return [layer for layer in record["measurements"]["layers"] if layer["kind"] == "conv"]
