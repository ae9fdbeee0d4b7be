"""alpha_triangle: s = alpha * gamma with its bound, its nulls, and a test on held-out halves that can fail."""

import numpy as np

from experiments._curvature import chosen_layers, engines
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject
from layercurv.errors import InputError
from layercurv.fits import (
    held_out_error,
    random_alpha_null,
    residual_permutation_null,
    transfer_errors,
    usable_directions,
)
from layercurv.measure.entry import or_missing, spectrum_entry


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Measure each half of the samples by itself, and the second half along the first one's directions too.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.

    Raises:
        InputError: If the samples do not make two halves of whole micro-batches.
    """
    middle, rest = divmod(len(subject.batches), 2)
    if middle == 0 or rest:
        raise InputError(
            f"curvature.n_samples: expected an even number of micro-batches of {run.cfg.curvature.micro_batch}, "
            f"got {len(subject.batches)}"
        )
    model, layers, K = subject.trained.model, chosen_layers(run, subject.trained.model), run.cfg.curvature.top_k
    samples = {"a": subject.batches[:middle], "b": subject.batches[middle:]}
    halves = {half: engines(run, model, batches) for half, batches in samples.items()}
    directions = {h: on_half.gradient_directions(layers, K) for h, on_half in halves.items()}
    found = {h: on_half.directional_curvature(directions[h], slopes=True) for h, on_half in halves.items()}
    crossed = halves["b"].directional_curvature(directions["a"], slopes=True)
    entries = []
    for depth, layer in enumerate(layers, start=1):
        own = {h: spectrum_entry(depth, layer, directions[h][layer.name], found[h][layer.name]) for h in halves}
        entries.append({**own, "crossed": crossed_entry(crossed[layer.name])})
    alphas = [entry["a"]["fits"]["alpha"]["slope"] for entry in entries if entry["a"]["fits"]]
    return {"layers": [entry | transfer_entry(entry, alphas, run.cfg.seed) for entry in entries]}


def crossed_entry(found) -> dict:
    """Give what half b has along the directions of half a.

    Args:
        found: The layer's curvature there.

    Returns:
        `slopes` (u_k^T G_b v_k) and `curvatures`, each a list or None.
    """
    slopes = None if found.slopes is None else found.slopes.mean(0).tolist()
    return {"slopes": slopes, "curvatures": found.curvatures.tolist()}


def transfer_entry(entry: dict, alphas: list[float], seed: int) -> dict:
    """Test the transfer relation on one layer.

    Args:
        entry: Its halves.
        alphas: alpha of all layers, on half a.
        seed: Of the permutations.

    Returns:
        `transfer`: errors and bound on half a, two nulls, and the held-out error; `missing` the reasons.
    """
    missing: dict[str, str] = {}
    sigma, h, keep, h_b, keep_b = *lists(entry["a"]), *lists(entry["b"])[1:]
    transfer = {
        "errors": or_missing(missing, "errors", transfer_errors, sigma, h, keep),
        "residual_null": or_missing(missing, "residual_null", residual_permutation_null, sigma, h, keep, 1000, seed),
        "alpha_null": or_missing(missing, "alpha_null", random_alpha_null, sigma, h, keep, alphas),
        "held_out": or_missing(missing, "held_out", held_out_error, sigma, h, keep, h_b, keep_b),
    }
    return {"transfer": transfer, "missing": missing}


def lists(spectrum: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take sigma, h and the mask of usable directions out of a spectrum.

    Args:
        spectrum: A spectrum entry.

    Returns:
        Three arrays [K].
    """
    sigma, h = np.array(spectrum["singular_values"]), np.array(spectrum["curvatures"])
    return sigma, h, usable_directions(sigma, h, spectrum["is_null"])


if __name__ == "__main__":
    launch("alpha_triangle", measure, processes=True)
