"""conv_gap: why curvature is not the product of its Kronecker factors: concentration and sums over positions."""

import math

import torch

from experiments._curvature import chosen_layers, engines
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject
from layercurv.curvature import Alignment, AlignmentMoments
from layercurv.fits import fit_power_law, usable_directions
from layercurv.measure.entry import or_missing, spectrum_entry

KINDS = ("empirical", "ggn")


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Measure h, and the moments that split it, along the same directions.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.
    """
    model, layers = subject.trained.model, chosen_layers(run, subject.trained.model)
    on_samples = engines(run, model, subject.batches)
    directions = on_samples.gradient_directions(layers, run.cfg.curvature.top_k)
    found = on_samples.directional_curvature(directions, slopes=True)
    moments = AlignmentMoments(layers, directions)
    on_samples.sweep(layers, [moments])
    entries = []
    for depth, layer in enumerate(layers, start=1):
        entry = spectrum_entry(depth, layer, directions[layer.name], found[layer.name])
        gaps = {kind: gap_entry(entry, moments.result(layer.name)[kind], kind) for kind in KINDS}
        entries.append(entry | {"n_positions": moments.result(layer.name)["ggn"].n_positions, "gap": gaps})
    return {"layers": entries}


def gap_entry(entry: dict, moments: Alignment, kind: str) -> dict:
    """Put the factors of one layer's curvature together, with their log-log slopes on sigma.

    Args:
        entry: The layer's spectrum entry.
        moments: Its moments, from one kind of output gradient.
        kind: Which.

    Returns:
        The lists `kronecker` (P u^T C_d u v^T C_A v), `concentration`, `sud`, `chi` = h / kronecker, and `slopes` of
        each, whose sum over kronecker and chi is alpha.
    """
    sigma, h = entry["singular_values"], entry["curvatures"]
    keep = usable_directions(sigma, h, entry["is_null"])
    kronecker = (moments.n_positions * moments.output_moment * moments.input_moment).tolist()
    lists = {
        "kronecker": kronecker,
        "concentration": finite(moments.concentration),
        "sud": finite(moments.sud),
        "chi": [value / product if product > 0 else None for value, product in zip(h, kronecker, strict=True)],
    }
    slopes = {
        name: or_missing(entry["missing"], f"gap.{kind}.slopes.{name}", slope, sigma, values, keep)
        for name, values in lists.items()
    }
    return lists | {"slopes": slopes}


def finite(values: torch.Tensor) -> list[float | None]:
    """Put None where a ratio of moments is undefined, as along a direction that no output gradient reaches.

    Args:
        values: Ratios, shape [K].

    Returns:
        Plain values.
    """
    return [value if math.isfinite(value) else None for value in values.tolist()]


def slope(sigma: list[float], values: list, keep) -> dict:
    """Fit a power of sigma on the directions that enter alpha.

    Args:
        sigma: Singular values.
        values: What is fitted.
        keep: Mask of usable directions.

    Returns:
        The fit as a dictionary.
    """
    pairs = [(s, value) for s, value, used in zip(sigma, values, keep, strict=True) if used]
    return fit_power_law(*zip(*pairs, strict=True)).as_dict() if pairs else fit_power_law([], []).as_dict()


if __name__ == "__main__":
    launch("conv_gap", measure, processes=True)
