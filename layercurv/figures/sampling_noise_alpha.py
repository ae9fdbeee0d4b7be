"""What alpha is: two along directions that other samples chose, else what noise, or signal and noise, predict."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from layercurv.figures.layer_roles import ROLE_NAMES
from layercurv.figures.noise_subjects import FIXED_ON, SUBJECTS, Outcome, outcomes, pairs, record_names
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
    figure = new_figure(PAGE_INCHES, 2.75)
    by_kind, noise, mixture = figure.subplots(1, 3, width_ratios=(1.35, 1, 1))
    _draw_kinds(by_kind, [o for layers in found.values() for o in layers])
    _draw_prediction(noise, [(o.noise, o) for o in blind])
    noise.set(xlabel="predicted by random signs", ylabel=r"$\alpha$ measured afterwards")
    noise.set_title("b  from noise alone", loc="left")
    _draw_prediction(mixture, [(o.mixture, o) for o in blind])
    mixture.set(xlabel="predicted by signal plus noise")
    mixture.set_title("c  from signal and noise", loc="left")
    return figure


def _draw_kinds(axis: Axes, found: list[Outcome]) -> None:
    kinds = [kind for kind in ROLE_NAMES if any(o.role == kind for o in found)]
    for row, kind in enumerate(kinds):
        some = [o for o in found if o.role == kind]
        spread = np.linspace(-0.13, 0.13, len(some)) if len(some) > 1 else np.zeros(1)
        style = {"marker": "o", "ls": "none", "mew": 0, "alpha": 0.45}
        axis.plot([o.alpha for o in some], row - 0.2 + spread, color=COLORS[kind], ms=2.6, **style)
        axis.plot([o.unselected for o in some], row + 0.2 + spread, color=BLACK, ms=2.0, **style)
    axis.axvline(2, color=GREY, lw=0.8, ls="--", zorder=0)
    axis.set_yticks(range(len(kinds)), [SHORT[kind] for kind in kinds])
    axis.set(ylim=(len(kinds) + 0.5, -0.6), xlim=LIMITS, xlabel="exponent")
    axis.plot([], [], "o", color=BLUE, ms=3, mew=0, label="on the samples that chose the directions")
    axis.plot([], [], "o", color=BLACK, ms=3, mew=0, label="on other samples")
    axis.legend(loc="lower left", handletextpad=0.2, borderaxespad=0.1)
    axis.set_title("a  curvature's exponent, every layer", loc="left")


def _draw_prediction(axis: Axes, found: list[tuple[float, Outcome]]) -> None:
    axis.plot(LIMITS, LIMITS, color=GREY, lw=0.8, ls="--", zorder=0)
    for kind, color in COLORS.items():
        some = [(said, o.alpha) for said, o in found if o.role == kind]
        axis.plot([x for x, _ in some], [y for _, y in some], "o", color=color, ms=2.6, mew=0, alpha=0.6)
    axis.set(xlim=LIMITS, ylim=LIMITS)
    axis.set_aspect("equal")
