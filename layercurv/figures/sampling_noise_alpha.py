"""What alpha is: two along directions that other samples chose, else what noise, or signal and noise, predict."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layercurv.figures.layer_roles import ROLE_NAMES
from layercurv.figures.noise_subjects import (
    FIXED_ON,
    SUBJECTS,
    UNLIKELY_LABELS,
    Outcome,
    outcomes,
    pairs,
    record_names,
)
from layercurv.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PAGE_INCHES, PURPLE, SKY, VERMILION, new_figure

__all__ = ["RECORDS", "draw"]

RECORDS = record_names(SUBJECTS)
COLORS = {
    "conv": BLUE,
    "linear": SKY,
    "attention_qkv": VERMILION,
    "attention_projection": ORANGE,
    "mlp_up": GREEN,
    "mlp_gate": GREEN,
    "mlp_down": GREEN,
    "head": PURPLE,
}
SHORT = {
    "conv": "convolutions",
    "linear": "perceptron",
    "attention_qkv": "query, key, value",
    "attention_projection": "attention output",
    "mlp_up": "MLP up",
    "mlp_gate": "MLP gate",
    "mlp_down": "MLP down",
    "head": "heads",
}
LIMITS = (0.9, 3.5)


def draw(records: list[dict]) -> Figure:
    """Draw exponents by kind of layer, in sample and out of sample, and prediction against measurement.

    Args:
        records: Those of `RECORDS`.

    Returns:
        The figure.
    """
    found = {said["variant"]: outcomes(said, measured) for said, measured in pairs(records)}
    blind = [o for variant, layers in found.items() if not variant.startswith(FIXED_ON) for o in layers]
    figure = new_figure(PAGE_INCHES, 3.1)
    by_kind, noise, mixture = figure.subplots(1, 3, width_ratios=(1.35, 1, 1))
    _draw_kinds(by_kind, [o for layers in found.values() for o in layers])
    _draw_prediction(noise, [(o.noise, o) for o in blind])
    noise.set(xlabel="predicted", ylabel=r"$\alpha$ measured afterwards")
    noise.set_title("b  from random signs", loc="left")
    _draw_prediction(mixture, [(o.mixture, o) for o in blind])
    mixture.set(xlabel="predicted")
    mixture.set_title("c  from signal and noise", loc="left")
    return figure


def _draw_kinds(axis: Axes, found: list[Outcome]) -> None:
    kinds = [kind for kind in ROLE_NAMES if any(o.role == kind for o in found)]
    for row, kind in enumerate(kinds):
        some = [o for o in found if o.role == kind]
        spread = np.linspace(-0.13, 0.13, len(some)) if len(some) > 1 else np.zeros(1)
        for offset, color, field in ((-0.2, COLORS[kind], "alpha"), (0.2, BLACK, "unselected")):
            _mark(axis, [(getattr(o, field), row + offset + y, o) for o, y in zip(some, spread, strict=True)], color)
    axis.axvline(2, color=GREY, lw=0.8, ls="--", zorder=0)
    axis.set_yticks(range(len(kinds)), [SHORT[kind] for kind in kinds])
    axis.set(ylim=(len(kinds) + 1.5, -0.6), xlim=LIMITS, xlabel="exponent")
    axis.plot([], [], "o", color=BLUE, ms=3, mew=0, label="on the samples that chose the directions")
    axis.plot([], [], "o", color=BLACK, ms=3, mew=0, label="on other samples")
    axis.plot([], [], "x", color=GREY, ms=3, mew=0.7, label="likewise, unlikely labels")
    axis.legend(loc="lower left", handletextpad=0.2, borderaxespad=0.1)
    axis.set_title("a  curvature's exponent, every layer", loc="left")


def _mark(axis: Axes, points: list[tuple[float, float, Outcome]], color: str) -> None:
    for is_unlikely, style in (
        (False, {"marker": "o", "ms": 2.4, "mew": 0}),
        (True, {"marker": "x", "ms": 2.2, "mew": 0.5}),
    ):
        some = [(x, y) for x, y, o in points if o.variant.startswith(UNLIKELY_LABELS) == is_unlikely]
        axis.plot([x for x, _ in some], [y for _, y in some], ls="none", color=color, alpha=0.5, **style)


def _draw_prediction(axis: Axes, found: list[tuple[float, Outcome]]) -> None:
    axis.plot(LIMITS, LIMITS, color=GREY, lw=0.8, ls="--", zorder=0)
    for kind, color in COLORS.items():
        _mark(axis, [(said, o.alpha, o) for said, o in found if o.role == kind], color)
    axis.set(xlim=LIMITS, ylim=LIMITS)
    axis.set_aspect("equal")
