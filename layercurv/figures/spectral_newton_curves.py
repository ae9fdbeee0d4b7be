"""Optimisers at equal tuning budgets: loss and accuracy over steps, accuracy over processor time, cost of a step."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from layercurv.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PAGE_INCHES, PURPLE, SKY, VERMILION, new_figure

__all__ = ["RECORDS", "draw"]

# Variant -> label, colour, marker, line.
OPTIMIZERS = {
    "muon": ("Muon", GREEN, "s", "--"),
    "spectral_newton_2": (r"Spectral Newton, $\alpha$ = 2", VERMILION, "o", "-"),
    "spectral_newton_measured": (r"Spectral Newton, measured $\alpha$", ORANGE, "P", "-"),
    "spectral_newton_1": (r"Spectral Newton, $\alpha$ = 1", SKY, "v", "-"),
    "spectral_newton_0": (r"its control, $\alpha$ = 0", BLACK, "X", "--"),
    "sgd": ("SGD with momentum", BLUE, "^", "-."),
    "adamw": ("AdamW", PURPLE, "D", ":"),
}
BENCHMARK = "bench_optimizers/resnet18.json"
RECORDS = (
    *(f"spectral_newton/{variant}_cifar10_seed{seed}.small.json" for variant in OPTIMIZERS for seed in range(3)),
    BENCHMARK,
)
# Name in the benchmark -> label, the side of the marker it stands on and, where the optimiser is in the contest, its
# variant.
STEPS = {
    "SGD with momentum": ("SGD with momentum", 1, "sgd"),
    "AdamW": ("AdamW", 1, "adamw"),
    "Spectral Newton, alpha = 2": (r"Spectral Newton, $\alpha$ = 2", -1, "spectral_newton_2"),
    "Muon (+ AdamW)": ("Muon", -1, "muon"),
    "Spectral Newton, alpha = 1": (r"Spectral Newton, $\alpha$ = 1", -1, "spectral_newton_1"),
    "Spectral Newton by full SVD": (r"Spectral Newton by full SVD", -1, None),
}


def draw(records: list[dict]) -> Figure:
    """Draw all four panels.

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    benchmark = next(record for record in records if record["experiment"] == "bench_optimizers")
    runs = {variant: [record for record in records if _variant(record) == variant] for variant in OPTIMIZERS}
    figure = new_figure(PAGE_INCHES, 3.9)
    (loss, accuracy), (cost, seconds) = figure.subplots(2, 2)
    _draw_means(loss, runs, middles_of_epochs, "train_mean_loss", 1)
    _draw_means(accuracy, runs, ends_of_epochs, "test_accuracy", 100)
    _draw_runs(seconds, runs, lambda record: record["provenance"]["epoch_processor_s"], "test_accuracy", 100, ms=2.4)
    _draw_cost(cost, benchmark["measurements"]["step_s"])
    ends = ends_of_epochs(runs["muon"][0])
    for axis in (loss, accuracy):
        axis.set(xlabel="steps", xlim=(0, 1.02 * ends[-1]), xticks=[0, *ends])
    loss.set(ylabel="training loss (nats)")
    for axis in (accuracy, seconds):
        axis.set(ylabel="test accuracy (%)", ylim=(20, 80))
    seconds.set(xlabel="seconds of processor time, one thread", xlim=(0, None))
    titles = ("a  training loss", "b  test accuracy", "c  the optimiser's step alone", "d  b over processor time")
    for axis, title in zip((loss, accuracy, cost, seconds), titles, strict=True):
        axis.set_title(title, loc="left")
    handles = [
        Line2D([], [], color=color, marker=marker, ls=line, ms=4, mew=0, lw=0.9, label=label)
        for label, color, marker, line in OPTIMIZERS.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, handlelength=3)
    return figure


def ends_of_epochs(record: dict) -> np.ndarray:
    """Count the steps taken at the end of each epoch.

    Args:
        record: A spectral_newton record.

    Returns:
        Shape [epochs].
    """
    training = record["measurements"]["training"]
    n_epochs = len(training["history"])
    return np.arange(1, n_epochs + 1) * (training["n_steps"] // n_epochs)


def middles_of_epochs(record: dict) -> np.ndarray:
    """Place the training loss, which is the mean over an epoch's steps, at the middle of the epoch.

    Args:
        record: A spectral_newton record.

    Returns:
        Shape [epochs].
    """
    ends = ends_of_epochs(record)
    return ends - ends[0] / 2


def _variant(record: dict) -> str:
    return record.get("variant", "").split("_cifar10")[0]


def _history(record: dict, key: str, factor: float) -> list[float]:
    return [factor * entry[key] for entry in record["measurements"]["training"]["history"]]


def _draw_runs(axis: Axes, runs: dict, places, key: str, factor: float, **look) -> None:
    for variant, records in runs.items():
        _, color, marker, line = OPTIMIZERS[variant]
        for record in records:
            values = _history(record, key, factor)
            axis.plot(places(record), values, line, color=color, marker=marker, mew=0, lw=0.5, **look)


def _draw_means(axis: Axes, runs: dict, places, key: str, factor: float) -> None:
    _draw_runs(axis, runs, places, key, factor, ms=0, alpha=0.45)
    for variant, records in runs.items():
        _, color, marker, line = OPTIMIZERS[variant]
        mean = np.mean([_history(record, key, factor) for record in records], axis=0)
        axis.plot(places(records[0]), mean, line, color=color, marker=marker, ms=3.5, mew=0, lw=1.1)


def _draw_cost(axis: Axes, step_s: dict[str, list[float]]) -> None:
    for row, (name, (label, side, variant)) in enumerate(STEPS.items()):
        _, color, marker, _ = OPTIMIZERS.get(variant, (None, GREY, "v", None))
        milliseconds = 1e3 * np.array(step_s[name])
        axis.plot(milliseconds, np.full(len(milliseconds), row), marker, ms=4, mew=0, color=color, alpha=0.6)
        place = 1.3 * milliseconds.max() if side > 0 else milliseconds.min() / 1.3
        text = f"{label}: {float(f'{np.median(milliseconds):.2g}'):g}"
        axis.text(place, row, text, va="center", ha="left" if side > 0 else "right", fontsize=6.5)
    axis.set(
        xscale="log",
        xlim=(2.5, 2500),
        ylim=(len(STEPS) - 0.5, -0.5),
        xlabel=f"milliseconds a step, usual width, n = {len(milliseconds)}",
    )
    axis.set_xticks([3, 10, 30, 100, 300, 1000], ["3", "10", "30", "100", "300", "1000"])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
