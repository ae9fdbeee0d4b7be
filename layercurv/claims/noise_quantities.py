"""What a claim may recompute of `sampling_noise` and `noise_prediction` records, from their raw lists.

Those of a layer take an item of `measurements.layers`; `median_noise_level` takes a whole `sampling_noise` record and
`crossover_batch` a whole `noise_prediction` record (select `@`).
"""

from collections.abc import Callable
from functools import partial
from statistics import fmean

import numpy as np

from layercurv.fits import selection_terms, unselected_exponent
from layercurv.results.headlines import role

LABELS = ("true", "model")

# What the source paper prints for a layer's kind, by row of claims/published.toml; a mean where it prints several.
PUBLISHED_ALPHA = {
    "conv": ("C021", "C022", "C026", "C029"),
    "linear": ("C031",),
    "attention_qkv": ("C044",),
    "attention_projection": ("C048",),
    "mlp_gate": ("C052",),  # the source paper has no gates; like the up-projection, it reads the block's input
    "mlp_up": ("C052",),
    "mlp_down": ("C056",),
    "head": ("C033", "C035", "C043"),
}
PRINTED = {
    **{"C021": 1.97, "C022": 2.17, "C026": 1.94, "C029": 2.10, "C031": 2.18, "C044": 1.43, "C048": 1.17, "C052": 0.84},
    **{"C056": 1.15, "C033": 0.90, "C035": 2.83, "C043": 4.53},
}


def _curvatures(layer: dict, labels: str) -> list[float]:
    # The Hessian's along the true labels' directions where it is measured; else the GGN value, which no label enters.
    h = layer["curvatures"] if labels == "true" else None
    return layer[labels]["ggn_curvatures"] if h is None else h


def _terms(layer: dict, labels: str) -> dict:
    found = layer[labels]
    lists = found["singular_values"], _curvatures(layer, labels), found["second_moments"], found["is_null"]
    return selection_terms(*lists, n_samples=1)  # B moves log c by a constant, and no slope


def _term(labels: str, name: str, layer: dict) -> float:
    return _terms(layer, labels)[name]


def _unselected(labels: str, field: str, layer: dict) -> float:
    found = layer[labels]
    lists = found["fresh_ggn_curvatures"], found["fresh_second_moments"], found["is_null"]
    return unselected_exponent(*lists)[field]


def _stored_difference(layer: dict) -> float:
    differences = []
    for labels in LABELS:
        terms, stored = _terms(layer, labels), layer["fits"][labels]
        differences += [abs(terms[name] - stored["terms"][name]) for name in terms]
        differences.append(abs(_unselected(labels, "slope", layer) - stored["unselected"]["slope"]))
    return float(np.max(differences))


def _identity_residual(layer: dict) -> float:
    found = [_terms(layer, labels) for labels in LABELS]
    return float(np.max([abs(t["alpha"] - (2 + t["information"] - t["selection"])) for t in found]))


def _alpha_minus_published(layer: dict) -> float:
    return _term("true", "alpha", layer) - fmean(PRINTED[row] for row in PUBLISHED_ALPHA[role(layer)])


def _ggn_share(layer: dict) -> float:
    used = ~np.asarray(layer["true"]["is_null"])
    ratio = np.asarray(layer["true"]["ggn_curvatures"])[used] / np.asarray(layer["curvatures"])[used]
    return float(np.median(ratio))


def noise_levels(measurements: dict) -> list[float]:
    """Compute, for every layer, the mean over its directions of B T (u^T G' v)^2 / h on fresh samples.

    Args:
        measurements: Of a `sampling_noise` record.

    Returns:
        One value per layer; 1 is expected of noise alone, for labels that the network itself would draw.
    """
    n_labels = measurements["n_samples"] * measurements["labels_per_sample"]
    levels = []
    for layer in measurements["layers"]:
        found = layer["true"]
        used = ~np.asarray(found["is_null"])
        means, h = (np.asarray(found[key])[used] for key in ("fresh_means", "fresh_ggn_curvatures"))
        levels.append(float(np.mean(n_labels * means**2 / h)))
    return levels


def crossover_batches(measurements: dict) -> list[float]:
    """Estimate B*, for every layer: trace of the noise covariance over the squared norm of the gradient without noise.

    Args:
        measurements: Of a `noise_prediction` record.

    Returns:
        One value per layer; infinite where the pool's gradient is not above the noise left in it.
    """
    result = []
    for layer in measurements["layers"]:
        trace = measurements["n_samples"] * layer["noise_mean_squared_norm"]
        signal = layer["pool_squared_norm"] - trace / measurements["n_pool"]
        result.append(trace / signal if signal > 0 else float("inf"))
    return result


NOISE_QUANTITIES: dict[str, Callable[[dict], float]] = {
    **{f"sampled_{name}": partial(_term, "true", name) for name in ("alpha", "information", "selection")},
    **{f"drawn_labels_{name}": partial(_term, "model", name) for name in ("alpha", "information", "selection")},
    **{f"unselected_exponent_{labels}": partial(_unselected, labels, "slope") for labels in LABELS},
    **{f"unselected_r2_{labels}": partial(_unselected, labels, "r2") for labels in LABELS},
    "sampled_alpha_minus_2": lambda layer: _term("true", "alpha", layer) - 2,
    "sampled_alpha_minus_published": _alpha_minus_published,
    "sampled_identity_residual": _identity_residual,
    "stored_noise_difference": _stored_difference,
    "ggn_share": _ggn_share,
    "mean_of_draws": lambda null: fmean(null["alphas"]),
    "median_noise_level": lambda record: float(np.median(noise_levels(record["measurements"]))),
    "crossover_batch": lambda record: float(np.median(crossover_batches(record["measurements"]))),
}
