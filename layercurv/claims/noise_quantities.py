"""What a claim may recompute of `sampling_noise` and `noise_prediction` records, from their raw lists.

Those of a layer take an item of `measurements.layers`; `median_*` take a whole `sampling_noise` record and
`crossover_batch` a whole `noise_prediction` record (select `@`).
"""

from collections.abc import Callable
from functools import partial
from statistics import fmean

import numpy as np

from claimgate.shared_fit import SharedFit, reads
from layercurv.fits.selection import selection_terms_of, unselected_exponent_of
from layercurv.fits.step_survival import STEPS, step_survival
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


def _lists(labels: str, layer: dict) -> tuple[list, list, list, list]:
    found = layer[labels]
    return found["singular_values"], _curvatures(layer, labels), found["second_moments"], found["is_null"]


def _fresh_lists(labels: str, layer: dict) -> tuple[list, list, list]:
    found = layer[labels]
    return found["fresh_ggn_curvatures"], found["fresh_second_moments"], found["is_null"]


# B moves log c by a constant, and no slope.
terms_of = {labels: SharedFit(partial(selection_terms_of, n_samples=1), partial(_lists, labels)) for labels in LABELS}
unselected_of = {labels: SharedFit(unselected_exponent_of, partial(_fresh_lists, labels)) for labels in LABELS}


def _term(labels: str, name: str, layer: dict) -> float:
    return terms_of[labels](layer)[name]


def _unselected(labels: str, field: str, layer: dict) -> float:
    return unselected_of[labels](layer)[field]


def _stored_difference(layer: dict) -> float:
    differences = []
    for labels in LABELS:
        terms, stored = terms_of[labels](layer), layer["fits"][labels]
        differences += [abs(terms[name] - stored["terms"][name]) for name in terms]
        differences.append(abs(_unselected(labels, "slope", layer) - stored["unselected"]["slope"]))
    return float(np.max(differences))


def _identity_residual(layer: dict) -> float:
    found = [terms_of[labels](layer) for labels in LABELS]
    return float(np.max([abs(t["alpha"] - (2 + t["information"] - t["selection"])) for t in found]))


def _alpha_minus_published(layer: dict) -> float:
    return _term("true", "alpha", layer) - fmean(PRINTED[row] for row in PUBLISHED_ALPHA[role(layer)])


def _ggn_share(layer: dict) -> float:
    used = ~np.asarray(layer["true"]["is_null"])
    ratio = np.asarray(layer["true"]["ggn_curvatures"])[used] / np.asarray(layer["curvatures"])[used]
    return float(np.median(ratio))


def _survival(step: str, layer: dict) -> float:
    found = layer["true"]
    return step_survival(found["singular_values"], found["fresh_means"], found["is_null"], step)


def _fresh(layer: dict, key: str) -> np.ndarray:
    return np.asarray(layer["true"][key])[~np.asarray(layer["true"]["is_null"])]


def _noise_level(layer: dict, found: dict) -> float:
    # B T (u^T G' v)^2 / h on fresh samples: 1 if the gradient is noise of labels as the network would draw them
    squares = _fresh(layer, "fresh_means") ** 2 / _fresh(layer, "fresh_ggn_curvatures")
    return found["n_samples"] * found["labels_per_sample"] * float(np.mean(squares))


def _signal_ratio(layer: dict, found: dict) -> float:
    # B (u^T G' v)^2 / M on fresh samples: 1 if the gradient is noise, of whatever labels
    return found["n_samples"] * float(
        np.mean(_fresh(layer, "fresh_means") ** 2 / _fresh(layer, "fresh_second_moments"))
    )


def _moment_share(layer: dict, found: dict) -> float:
    # T M / h on fresh samples: 1 in expectation for labels as the network would draw them
    ratios = _fresh(layer, "fresh_second_moments") / _fresh(layer, "fresh_ggn_curvatures")
    return found["labels_per_sample"] * float(np.median(ratios))


def _median_over_layers(of_layer: Callable[[dict, dict], float], record: dict) -> float:
    found = record["measurements"]
    return float(np.median([of_layer(layer, found) for layer in found["layers"]]))


def _crossover_batch(layer: dict, found: dict) -> float:
    # Trace of the noise covariance over the squared norm of the gradient without noise
    trace = found["n_samples"] * layer["noise_mean_squared_norm"]
    signal = layer["pool_squared_norm"] - trace / found["n_pool"]
    return trace / signal if signal > 0 else float("inf")


NOISE_QUANTITIES: dict[str, Callable[[dict], float]] = {
    **{f"sampled_{name}": partial(_term, "true", name) for name in ("alpha", "information", "selection")},
    **{f"drawn_labels_{name}": partial(_term, "model", name) for name in ("alpha", "information", "selection")},
    **{f"unselected_exponent_{labels}": partial(_unselected, labels, "slope") for labels in LABELS},
    **{f"unselected_r2_{labels}": partial(_unselected, labels, "r2") for labels in LABELS},
    "sampled_alpha_minus_2": lambda layer: _term("true", "alpha", layer) - 2,
    "two_minus_sampled_alpha": lambda layer: 2 - _term("true", "alpha", layer),
    "sampled_alpha_minus_published": _alpha_minus_published,
    "published_minus_sampled_alpha": lambda layer: -_alpha_minus_published(layer),
    "sampled_identity_residual": _identity_residual,
    "stored_noise_difference": _stored_difference,
    **{f"survival_{step}": partial(_survival, step) for step in STEPS},
    "ggn_share": _ggn_share,
    "mean_of_draws": lambda null: fmean(null["alphas"]),
    "median_noise_level": partial(_median_over_layers, _noise_level),
    "median_signal_ratio": partial(_median_over_layers, _signal_ratio),
    "median_moment_share": partial(_median_over_layers, _moment_share),
    "crossover_batch": partial(_median_over_layers, _crossover_batch),
}

NOISE_FITS = {
    **dict.fromkeys((f"sampled_{name}" for name in ("alpha", "information", "selection")), reads(terms_of["true"])),
    **dict.fromkeys(
        (f"drawn_labels_{name}" for name in ("alpha", "information", "selection")), reads(terms_of["model"])
    ),
    **dict.fromkeys(("sampled_alpha_minus_2", "two_minus_sampled_alpha"), reads(terms_of["true"])),
    **dict.fromkeys(("sampled_alpha_minus_published", "published_minus_sampled_alpha"), reads(terms_of["true"])),
    **{
        f"unselected_{field}_{labels}": reads(fit)
        for field in ("exponent", "r2")
        for labels, fit in unselected_of.items()
    },
    "sampled_identity_residual": reads(*terms_of.values()),
    "stored_noise_difference": reads(*terms_of.values(), *unselected_of.values()),
}
