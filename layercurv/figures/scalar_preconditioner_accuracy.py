"""Layer-wise rates against plain Adam: accuracy of every seed, and what interval the difference lies in."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from layercurv.figures.printed import AUDIT, printed_values
from layercurv.figures.style import BLACK, BLUE, COLUMN_INCHES, GREY, new_figure
from layercurv.fits import equivalence_test

__all__ = ["RECORDS", "draw"]

# Variant -> label.
VARIANTS = {
    "adam": "Adam",
    "direct_0.5": r"rates $\times\ (s/\bar{s})^{0.5}$",
    "direct_1.0": r"rates $\times\ (s/\bar{s})$",
    "direct_1.5": r"rates $\times\ (s/\bar{s})^{1.5}$",
    "inverse_1.0": r"rates $\times\ (s/\bar{s})^{-1}$",
    "random_1.0": "dealt at random",
}
RECORDS = (
    *(f"scalar_preconditioner/{variant}_cifar10_seed{seed}.small.json" for variant in VARIANTS for seed in range(3)),
    AUDIT,
)
BASELINE = "adam"
PRINTED_MARGIN = "C332"  # points within which all variants of the source paper lie, in the audit
MARKERS = "o^s"  # by seed


def draw(records: list[dict]) -> Figure:
    """Draw each variant's accuracies, and the 90 % interval of its mean difference from Adam.

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    (margin,) = printed_values(records, PRINTED_MARGIN)
    accuracies = {variant: accuracies_by_seed(records, variant) for variant in VARIANTS}
    baseline = list(accuracies[BASELINE].values())
    centre = np.mean(baseline)
    figure = new_figure(COLUMN_INCHES, 2.1)
    axis = figure.subplots()
    axis.axvspan(-margin, margin, color=GREY, alpha=0.35, lw=0)
    axis.axvline(0, color=GREY, lw=0.6)
    axis.text(1.05 * margin, -0.52, f"± {margin:g} points", va="center", fontsize=6)
    for row, (variant, found) in enumerate(accuracies.items()):
        if variant != BASELINE:
            _draw_interval(axis, row, equivalence_test(list(found.values()), baseline, margin, paired=False))
        for seed, accuracy in found.items():
            axis.plot(accuracy - centre, row, MARKERS[seed], ms=3.5, mew=0, color=BLUE)
    axis.set(ylim=(len(VARIANTS) - 0.4, -0.75), xlabel=f"points above Adam's mean ({centre:.1f} %)")
    axis.set_yticks(range(len(VARIANTS)), list(VARIANTS.values()))
    axis.tick_params(axis="y", length=0)
    handles = [
        Line2D([], [], marker=marker, ls="none", ms=3.5, mew=0, color=BLUE, label=f"seed {seed}")
        for seed, marker in enumerate(MARKERS)
    ]
    figure.legend(handles=handles, loc="outside lower right", ncols=len(handles), handletextpad=0.1)
    return figure


def accuracies_by_seed(records: list[dict], variant: str) -> dict[int, float]:
    """Collect the test accuracies of a variant.

    Args:
        records: scalar_preconditioner records, others among them.
        variant: A key of `VARIANTS`.

    Returns:
        Seed to accuracy in percent.
    """
    chosen = [record for record in records if record.get("variant", "").split("_cifar10")[0] == variant]
    return {
        record["provenance"]["seed"]: 100 * record["measurements"]["training"]["test_accuracy"] for record in chosen
    }


def _draw_interval(axis: Axes, row: int, test: dict) -> None:
    ends = [[test["difference"] - test["ci90_low"]], [test["ci90_high"] - test["difference"]]]
    axis.errorbar(
        test["difference"], row + 0.32, xerr=ends, fmt="|", ms=7, mew=1.2, color=BLACK, elinewidth=0.9, capsize=2.5
    )
