"""Which law wins how many layers, and by how much, along training and with B, for two networks."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from layercurv.figures.printed import AUDIT, printed_values
from layercurv.figures.rank_profile_fits import LAWS, NETWORKS, by_network, compare_laws, profile
from layercurv.figures.rank_profile_fits import RECORDS as MEASURED_RECORDS
from layercurv.figures.style import BLACK, GREY, PAGE_INCHES, SKY, new_figure
from layercurv.fits import label_shares
from layercurv.fits.model_selection import CLEAR_MARGIN

__all__ = ["RECORDS", "draw"]

RECORDS = (*MEASURED_RECORDS, AUDIT)

# Epoch and B, in order: B grows at initialisation, then training with the largest B, then B shrinks again.
MEASURED = ((0, 64), (0, 512), (0, 2048), (1, 2048), (3, 2048), (5, 2048), (10, 2048), (10, 512), (10, 64))
BAR, PITCH = 0.24, 0.27  # of the distance between two groups
# What a layer counts as -> label, colour, hatch, marker, from the bottom of a bar.
KINDS = {
    "log_normal": ("log-normal", LAWS["log_normal"][1], "", "o"),
    "bent_up": ("log-normal's parabola, bent upwards", SKY, "//////", "^"),
    "power_law": ("power law", LAWS["power_law"][1], "", "s"),
    "exponential": ("exponential", LAWS["exponential"][1], "......", "D"),
}
# Rows of the audit: by epoch, how many layers the source paper prints for the log-normal, and for each law.
PRINTED = {
    "vgg16": {
        0: ("C296", ("C294", "C295", "C296")),
        5: ("C299", ("C297", "C298", "C299")),
        10: ("C302", ("C300", "C301", "C302")),
    },
    "resnet50": {0: ("C227", ("C231",))},
}
# Profiles whose winners are compared, B = 64 against B = 2048, with the row they stand in.
AGREEMENTS = {"untrained": 0, "10 epochs": 10}
N_DRAWS = 10_000


def draw(records: list[dict]) -> Figure:
    """Draw shares, margins and the agreement between two B.

    Args:
        records: Those of `RECORDS`, the audit last.

    Returns:
        The figure.
    """
    *measured, audit = records
    figure = new_figure(PAGE_INCHES, 5.3)
    figure.get_layout_engine().set(h_pad=0.03, hspace=0.02)
    axes = figure.subplots(3, 2, height_ratios=(5, 5, 2))
    for top, middle in axes[:2].T:
        middle.sharex(top)
    for column, (network, found) in zip(axes.T, by_network(measured).items(), strict=True):
        compared = {at: [[compare_laws(layer) for layer in profile(r, *at)] for r in found] for at in MEASURED}
        _draw_shares(column[0], compared, printed_shares(audit, network))
        _draw_margins(column[1], compared)
        _draw_agreement(column[2], compared)
        n_layers = len(compared[MEASURED[0]][0])
        column[0].set_title(f"{NETWORKS[network][0]}, {n_layers} layers, {len(found)} seeds", loc="left", pad=13)
    _label(axes)
    handles = _handles()
    options = {"loc": "outside lower center", "ncols": 5, "handler_map": {tuple: HandlerTuple(ndivide=None, pad=0.2)}}
    figure.legend(list(handles.values()), list(handles), **options)
    return figure


def printed_shares(audit: dict, network: str) -> dict[int, float]:
    """Look up what the source paper prints of the log-normal.

    Args:
        audit: The audit's record.
        network: A key of `PRINTED`.

    Returns:
        Epoch to the share of layers.
    """

    def number(row: str) -> float:
        return printed_values([audit], row)[0]

    return {epoch: number(won) / sum(map(number, all_)) for epoch, (won, all_) in PRINTED[network].items()}


def kind(laws: dict) -> str:
    """Say what a layer counts as.

    Args:
        laws: As `profile_bic`.

    Returns:
        A key of `KINDS`.
    """
    bent_up = laws["winner"] == "log_normal" and laws["log_normal"]["coefficients"][2] > 0
    return "bent_up" if bent_up else laws["winner"]


def permutation_interval(a: list[str], b: list[str], seed: int = 0) -> np.ndarray:
    """Draw the share of equal labels when one list is permuted.

    Args:
        a: One label per layer, shape [n].
        b: The other labels, shape [n].
        seed: Of the permutations.

    Returns:
        The 2.5 and 97.5 percentiles, shape [2].
    """
    drawn = np.random.default_rng(seed).permuted(np.tile(b, (N_DRAWS, 1)), axis=1)
    return np.percentile((drawn == np.array(a)).mean(1), [2.5, 97.5])


def _places(group: int, n_seeds: int) -> np.ndarray:
    return group + PITCH * (np.arange(n_seeds) - (n_seeds - 1) / 2)


def _draw_shares(axis: Axes, compared: dict, printed: dict[int, float]) -> None:
    for group, (at, seeds) in enumerate(compared.items()):
        places, bottom = _places(group, len(seeds)), np.zeros(len(seeds))
        for name, (_, color, hatch, _) in KINDS.items():
            share = np.array([100 * np.mean([kind(laws) == name for laws in layers]) for layers in seeds])
            axis.bar(places, share, BAR, bottom, color=color, hatch=hatch, edgecolor="white", lw=0.3)
            bottom += share
        if at[1] == 2048 and at[0] in printed:
            ends, share = [group - 0.46, group + 0.46], 100 * printed[at[0]]
            axis.plot(
                ends, [share] * 2, color=BLACK, lw=1.4, path_effects=[withStroke(linewidth=3, foreground="white")]
            )
    axis.set(ylim=(0, 100), yticks=(0, 25, 50, 75, 100))
    axis.tick_params(labelbottom=False, bottom=False)


def _draw_margins(axis: Axes, compared: dict) -> None:
    points, medians = {name: [] for name in KINDS}, []
    for group, seeds in enumerate(compared.values()):
        clear = []
        for place, layers in zip(_places(group, len(seeds)), seeds, strict=True):
            margins = [laws["margin"] for laws in layers]
            for laws in layers:
                points[kind(laws)].append((place, laws["margin"]))
            medians.append((place, np.median(margins)))
            clear.append(100 * np.mean(np.array(margins) >= CLEAR_MARGIN))
        text = "\n".join(f"{share:.0f}" for share in clear)
        axis.text(group, 1.02, text, transform=axis.get_xaxis_transform(), ha="center", fontsize=6, linespacing=1.0)
    for name, (_, color, _, marker) in KINDS.items():
        axis.plot(*np.reshape(points[name], (-1, 2)).T, marker, ms=1.9, mew=0, color=color, alpha=0.8)
    places, heights = np.transpose(medians)
    axis.hlines(heights, places - 0.1, places + 0.1, color=BLACK, lw=1.3, zorder=3)
    axis.axhline(CLEAR_MARGIN, color=BLACK, lw=0.6, ls="--", zorder=0)
    axis.set(yscale="log", ylim=(0.003, 700), xlim=(-0.6, len(MEASURED) - 0.4))
    axis.minorticks_off()
    axis.set_yticks([0.01, 0.1, 1, 6, 100], ["0.01", "0.1", "1", "6", "100"])
    axis.set_xticks(range(len(MEASURED)), [f"{epoch}\n{n_samples}" for epoch, n_samples in MEASURED])
    axis.tick_params(axis="x", length=0)


def _draw_agreement(axis: Axes, compared: dict) -> None:
    for row, epoch in enumerate(AGREEMENTS.values()):
        pairs = zip(compared[epoch, 64], compared[epoch, 2048], strict=True)
        for seed, (few, many) in enumerate(pairs):
            a, b = ([laws["winner"] for laws in layers] for layers in (few, many))
            found = label_shares(a, b)
            height = row + PITCH * (seed - (len(compared[epoch, 64]) - 1) / 2)
            axis.plot(100 * permutation_interval(a, b), [height] * 2, color=GREY, lw=2.2, solid_capstyle="butt")
            axis.plot(100 * found["expected_share"], height, "|", ms=5, mew=1, color=BLACK)
            axis.plot(100 * found["share"], height, "o", ms=3, mew=0, color=BLACK)
    axis.set(xlim=(0, 100), ylim=(len(AGREEMENTS) - 0.5, -0.5))
    axis.set_yticks(range(len(AGREEMENTS)), list(AGREEMENTS))
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("layers whose winner at $B$ = 64 is that at $B$ = 2048, %", labelpad=1)


def _label(axes: np.ndarray) -> None:
    axes[0, 0].set_ylabel("layers won, %")
    axes[1, 0].set_ylabel(r"$\Delta$BIC to the runner-up")
    for axis in axes[:2].flat:
        for border in (1.5, 6.5):
            axis.axvline(border, color=GREY, lw=0.5, zorder=0)
    for axis in axes[0]:
        for place, text in ((0.5, "untrained"), (4, "along training"), (7.5, "trained")):
            axis.text(place, 102, text, ha="center", color=GREY, fontsize=6.5)
    note = "dot: found; bar and tick: 95 % and\nmean of permutations over layers"
    axes[2, 1].text(1, 1, note, va="center", fontsize=6)
    for axis in axes[1]:
        axis.text(-0.01, 1.02, "clear,\n% by\nseed", transform=axis.transAxes, ha="right", fontsize=6, linespacing=1.0)
        axis.text(-0.01, -0.03, "epoch\n$B$", transform=axis.transAxes, ha="right", va="top", fontsize=6.5)


def _handles() -> dict:
    handles = {}
    # a kind looks one way in the bars and another among the margins
    for label, color, hatch, marker in KINDS.values():
        patch = Patch(facecolor=color, hatch=hatch, edgecolor="white", lw=0.3)
        handles[label] = (patch, Line2D([], [], color=color, marker=marker, ms=3, mew=0, ls="none"))
    return handles | {"log-normal as printed by Calvo (2026)": Line2D([], [], color=BLACK, lw=1.6)}
