"""participation_ratio: how many directions carry a layer's gradient and its curvature, against the zeta bound."""

import torch

from experiments._curvature import chosen_layers, engines, measure_spectra
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject
from layercurv.fits import effective_rank, finite_zeta_bound, participation_ratio, usable_directions, zeta_bound
from layercurv.measure.entry import or_missing


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Measure the curvature window and the whole gradient spectrum of every layer.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.
    """
    model = subject.trained.model
    spectra = measure_spectra(run, model, subject.batches)
    gradients = engines(run, model, subject.batches).mean_gradients(chosen_layers(run, model))
    return {"layers": [layer | participation(layer, gradients[layer["name"]]) for layer in spectra]}


def participation(layer: dict, gradient: torch.Tensor) -> dict:
    """Count directions in four ways, and bound the count that a power law of curvature allows.

    Args:
        layer: The layer's spectrum entry.
        gradient: Its mean gradient, [m, n] float64.

    Returns:
        `all_singular_values` and `participation`; curvature counts are over the usable directions of the window.
    """
    h = [value for value, used in zip(layer["curvatures"], usable(layer), strict=True) if used]
    everything = torch.linalg.svdvals(gradient).tolist()
    squares = [sigma**2 for sigma in everything]
    fits, missing = layer["fits"], layer["missing"]
    exponent = None if fits is None else fits["alpha"]["slope"] * fits["gamma"]["slope"]
    counted = {
        "curvature": (participation_ratio, h),
        "gradient": (participation_ratio, everything),
        "curvature_effective_rank": (effective_rank, h),
        "gradient_effective_rank": (effective_rank, squares),
    }
    counts = {key: or_missing(missing, f"participation.{key}", *call) for key, call in counted.items()} | {
        "exponent": exponent,
        "zeta_bound": None if exponent is None else zeta_bound(exponent),
        "finite_zeta_bound": None if exponent is None else finite_zeta_bound(exponent, len(h)),
    }
    for key in ("exponent", "zeta_bound", "finite_zeta_bound"):
        if counts[key] is None:
            missing[f"participation.{key}"] = "alpha * gamma is not above one, or could not be fitted"
    return {"all_singular_values": everything, "participation": counts, "missing": missing}


def usable(layer: dict) -> list[bool]:
    """Mark the directions that enter the fits.

    Args:
        layer: A spectrum entry.

    Returns:
        One flag per direction.
    """
    return usable_directions(layer["singular_values"], layer["curvatures"], layer["is_null"]).tolist()


if __name__ == "__main__":
    launch("participation_ratio", measure, processes=True)
