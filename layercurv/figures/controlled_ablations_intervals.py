"""What normalisation, number of classes and task do to alpha of a transformer, by kind of layer, with intervals."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from layercurv.figures.layer_roles import exponents, layers_of_role, seed_interval
from layercurv.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PAGE_INCHES, VERMILION, new_figure
from layercurv.fits import difference_interval
from layercurv.results.store import AUDIT

__all__ = ["RECORDS", "draw"]

# Record without seed -> number of frozen seeds.
SEEDS = {
    "vit_cifar10": 3,
    "vit_rms_norm_cifar10": 3,
    "vit_batch_norm_cifar10": 3,
    "vit_none_norm_cifar10": 3,
    "vit_cifar100": 3,
    "gpt2_tiny_shakespeare": 3,
    "gpt2_classifier_novels": 3,
}


def record_names() -> tuple[str, ...]:
    """List the records of all variants and frozen seeds.

    Returns:
        Paths below the results folder, the audit last.
    """
    names = [f"controlled_ablations/{name}_seed{seed}.small.json" for name, n in SEEDS.items() for seed in range(n)]
    return *names, AUDIT


RECORDS = record_names()

ROLES = {
    "attention_qkv": "QKV",
    "attention_projection": "proj.",
    "mlp_up": "up",
    "mlp_down": "down",
    "head": "head",
}
# Panel -> title and its variants with label; the first is what the others are compared with.
PANELS = {
    "normalisation": (
        "ViT: normalisation",
        {
            "vit_cifar10": "LayerNorm",
            "vit_rms_norm_cifar10": "RMSNorm",
            "vit_batch_norm_cifar10": "BatchNorm",
            "vit_none_norm_cifar10": "none",
        },
    ),
    "classes": ("ViT: images", {"vit_cifar10": "CIFAR-10", "vit_cifar100": "CIFAR-100"}),
    "task": ("GPT-2: task", {"gpt2_tiny_shakespeare": "next byte", "gpt2_classifier_novels": "two classes"}),
}
LOOKS = ((BLUE, "o"), (GREEN, "s"), (ORANGE, "^"), (VERMILION, "D"))  # by place in the panel
# Panel and role -> rows of the audit: printed values by variant, and the printed change.
PRINTED = {
    ("classes", "attention_qkv"): (("C161", "C162"), "C163"),
    ("classes", "mlp_up"): (("C164", "C165"), "C166"),
    ("task", "mlp_up"): (("C167", "C168"), "C169"),
    ("task", "mlp_down"): (("C170", "C171"), "C172"),
}
NORM_STATED = 1.0  # to which, the source paper says, LayerNorm brings alpha
WIDTH = 0.76  # of a kind's place, shared by the variants
TIGHT = {"handletextpad": 0.1, "borderaxespad": 0.1, "labelspacing": 0.25, "columnspacing": 0.6}


def draw(records: list[dict]) -> Figure:
    """Draw exponents above, and their changes below.

    Args:
        records: Those of `RECORDS`, in their order.

    Returns:
        The figure.
    """
    *measured, audit = records
    seeds, rows = by_variant(measured), audit["measurements"]["rows"]
    figure = new_figure(PAGE_INCHES, 4.4)
    axes = figure.subplots(2, 3, sharex=True, sharey="row", height_ratios=[1.25, 1], width_ratios=[1.75, 1, 1])
    for column, (panel, (title, variants)) in enumerate(PANELS.items()):
        upper, lower = axes[:, column]
        groups = [(label, seeds[variant]) for variant, label in variants.items()]
        _draw_exponents(upper, groups)
        _draw_changes(lower, [group for _, group in groups])
        _draw_printed(upper, lower, panel, rows, len(groups))
        upper.set_title(f"{'abc'[column]}  {title}", loc="left", pad=23)
        legend = upper.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=len(groups) // 2, **TIGHT)
        legend.set_in_layout(False)  # the title's pad is its room
        lower.text(0.02, 0.97, f"against {groups[0][0]}", transform=lower.transAxes, va="top", fontsize=6.5)
    axes[0, 0].axhline(NORM_STATED, color=GREY, lw=0.8, ls="--", zorder=0)
    axes[0, 0].text(
        -0.45, NORM_STATED - 0.03, r"source paper, LayerNorm: $\alpha \approx 1$", va="top", color="0.35", fontsize=6.5
    )
    _finish(figure, axes)
    return figure


def by_variant(records: list[dict]) -> dict[str, list[dict]]:
    """Sort records by variant.

    Args:
        records: controlled_ablations records in the order of `RECORDS`.

    Returns:
        A key of `SEEDS` to its records, one per seed.
    """
    remaining = iter(records)
    return {name: [next(remaining) for _ in range(n_seeds)] for name, n_seeds in SEEDS.items()}


def medians(records: list[dict], role: str) -> list[float]:
    """Take the median exponent over the layers of one kind.

    Args:
        records: Records of one variant, one per seed.
        role: A key of `ROLES`.

    Returns:
        One median per seed; none where a seed has no such layer with an exponent.
    """
    layers = [layers_of_role(record, role) for record in records]
    return [float(np.median(exponents(found))) for found in layers] if all(layers) else []


def _place(kind: int, variant: int, n_variants: int) -> float:
    return kind + WIDTH * ((variant + 0.5) / n_variants - 0.5)


def _spread(n_seeds: int) -> np.ndarray:
    return np.linspace(-0.045, 0.045, n_seeds) if n_seeds > 1 else np.zeros(1)


def _draw_exponents(axis: Axes, groups: list[tuple[str, list[dict]]]) -> None:
    for place, (label, records) in enumerate(groups):
        color, marker = LOOKS[place]
        for kind, role in enumerate(ROLES):
            x = _place(kind, place, len(groups))
            for record, shift in zip(records, _spread(len(records)), strict=True):
                found = exponents(layers_of_role(record, role))
                axis.plot(np.full(found.size, x + shift), found, ".", ms=2.6, mew=0, color=color, alpha=0.6)
            _draw_seeds(axis, x, medians(records, role), seed_interval, color, marker)
        axis.plot([], [], marker, ms=3.2, mew=0, color=color, label=_named(label, records))


def _named(label: str, records: list[dict]) -> str:
    loss = np.mean([record["measurements"]["mean_loss"] for record in records])
    return f"{label}, loss {loss:.2f}" + ("" if len(records) > 2 else f", $n$ = {len(records)}")


def _draw_seeds(axis: Axes, x: float, values: list[float], interval_of, color: str, marker: str) -> None:
    axis.plot(x + _spread(len(values) or 1)[: len(values)], values, marker, ms=3.0, mew=0, color=color, zorder=3)
    interval = interval_of(values)
    if interval:
        axis.bar(x, interval[1] - interval[0], 0.16, interval[0], color=color, alpha=0.25, lw=0, zorder=1)
        axis.plot([x - 0.08, x + 0.08], [np.mean(interval)] * 2, color=BLACK, lw=0.9, zorder=4)


def _draw_changes(axis: Axes, groups: list[list[dict]]) -> None:
    axis.axhline(0, color=GREY, lw=0.8, ls="--", zorder=0)
    for place, records in enumerate(groups[1:], start=1):
        for kind, role in enumerate(ROLES):
            reference, values = medians(groups[0], role), medians(records, role)
            if not (reference and values):
                continue
            changes = [value - float(np.mean(reference)) for value in values]
            interval_of = _welch(reference, values)
            _draw_seeds(axis, _place(kind, place, len(groups)), changes, interval_of, *LOOKS[place])


def _welch(reference: list[float], values: list[float]):
    enough = min(len(reference), len(values)) > 2
    return lambda _: difference_interval(values, reference) if enough else None


def _draw_printed(upper: Axes, lower: Axes, panel: str, rows: dict, n_variants: int) -> None:
    for kind, role in enumerate(ROLES):
        values, change = PRINTED.get((panel, role), ((), None))
        for place, row in enumerate(values):
            _diamond(upper, _place(kind, place, n_variants), rows[row], LOOKS[place][0])
        if change:
            _diamond(lower, _place(kind, 1, n_variants), rows[change], LOOKS[1][0])


def _diamond(axis: Axes, x: float, row: dict, color: str) -> None:
    axis.plot([x], [float(row["stated"][0])], "D", ms=4, mew=0.9, mfc="none", mec=color, zorder=5)


def _finish(figure: Figure, axes: np.ndarray) -> None:
    for axis in axes[0]:
        axis.tick_params(axis="x", length=0)
    for axis in axes[1]:
        axis.set_xticks(range(len(ROLES)), list(ROLES.values()))
        axis.set_xlim(-0.5, len(ROLES) - 0.5)
        axis.tick_params(axis="x", length=0)
    for axis in axes.flat:
        for edge in np.arange(0.5, len(ROLES) - 1):
            axis.axvline(edge, color="0.88", lw=0.5, zorder=0)
    low, high = axes[1, 0].get_ylim()
    axes[1, 0].set_ylim(low, high + 0.15 * (high - low))  # room for the text
    axes[0, 0].set_ylabel(r"curvature exponent $\alpha$")
    axes[1, 0].set_ylabel(r"change of $\alpha$")
    figure.legend(handles=_handles("0.25"), loc="outside lower center", ncols=4, handletextpad=0.3, columnspacing=1.4)


def _handles(dark: str) -> list[Line2D]:
    none = {"color": dark, "ls": "none"}
    return [
        Line2D([], [], marker=".", ms=4, mew=0, label="one layer, one seed", **none),
        Line2D([], [], marker="o", ms=3.2, mew=0, label="median over layers, one seed", **none),
        Line2D([], [], marker="s", ms=6, mew=0, alpha=0.3, label="mean over seeds, 95 % interval", **none),
        Line2D([], [], marker="D", ms=4, mew=0.9, mfc="none", label="printed by the source paper", **none),
    ]
