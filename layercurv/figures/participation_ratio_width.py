"""How many directions carry gradient and curvature in perceptrons of growing width."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from layercurv.figures.printed import AUDIT, printed_values
from layercurv.figures.style import BLUE, COLUMN_INCHES, GREY, VERMILION, new_figure
from layercurv.fits import participation_ratio, usable_directions

__all__ = ["RECORDS", "draw"]

WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
RECORDS = (
    *(f"participation_ratio/mlp_width{width}_cifar10_seed{seed}.small.json" for width in WIDTHS for seed in range(3)),
    AUDIT,
)
PRINTED = "C008"  # range of curvature's ratio, in the audit
# Layer -> its name, line, marker.
LAYERS = (("hidden layer", "-", "o"), ("head", ":", "s"))


def draw(records: list[dict]) -> Figure:
    """Draw participation ratios of the hidden layer and the head against width.

    Args:
        records: Those of `RECORDS`, in any order.

    Returns:
        The figure.
    """
    figure = new_figure(COLUMN_INCHES, 2.5)
    axis = figure.subplots()
    low, high = printed_values(records, PRINTED)
    axis.axhspan(low, high, color=GREY, alpha=0.3, lw=0)
    axis.text(WIDTHS[-1], math.sqrt(low * high), "curvature, as printed", fontsize=6.5, va="center", ha="right")
    handles = []
    for color, name, ratio in ((BLUE, "gradient", gradient_ratio), (VERMILION, "curvature", curvature_ratio)):
        for layer, (place, line, marker) in enumerate(LAYERS):
            ratios = [[ratio(record["measurements"]["layers"][layer]) for record in _seeds(records, w)] for w in WIDTHS]
            axis.plot(WIDTHS, np.mean(ratios, axis=1), line, color=color, lw=0.9)
            axis.plot(WIDTHS, ratios, marker, color=color, ms=2.8, mew=0)
            look = {"ls": line, "marker": marker, "ms": 3, "mew": 0, "lw": 0.9}
            handles.append(Line2D([], [], color=color, label=f"{name}, {place}", **look))
    axis.set(xscale="log", yscale="log", ylim=(1, 130), xlabel="width of the hidden layer")
    axis.set_ylabel("participation ratio")
    axis.minorticks_off()
    axis.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    axis.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handlelength=3)
    return figure


def _seeds(records: list[dict], width: int) -> list[dict]:
    return [record for record in records if record.get("variant", "").startswith(f"mlp_width{width}_")]


def curvature_ratio(layer: dict) -> float:
    """Count directions by curvature.

    Args:
        layer: A layer entry.

    Returns:
        The participation ratio over directions that are not null and curve upwards.
    """
    used = usable_directions(*(layer[key] for key in ("singular_values", "curvatures", "is_null")))
    return participation_ratio(np.array(layer["curvatures"])[used])


def gradient_ratio(layer: dict) -> float:
    """Count directions by singular value.

    Args:
        layer: A layer entry.

    Returns:
        The participation ratio over all min(m, n) singular values.
    """
    return participation_ratio(layer["all_singular_values"])
