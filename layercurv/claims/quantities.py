"""What a claim may recompute from one layer's raw lists.

Each function takes a layer of an `alpha_map` record (`held_out_*` and `half_*` one of an `alpha_triangle` record) and
reads raw measurements (sigma, h, factor spectra), so that a stored fit is never trusted; `stored_*` quantities compare
the stored fit with the recomputed one. Those in `SPECTRUM_QUANTITIES` take a whole `depth_bifurcation` record (select
`@`) and read the eigenvalues at the end of its descent. Those of `hvp_validation` and `conv_gap` stand in
`validation_quantities`, of `rank_profile` in `profile_quantities`, of `kronecker_spectrum` in `kronecker_quantities`,
of `weight_tail` in `tail_quantities`, of `sampling_noise` in `noise_quantities`, of `spectral_newton` in
`contest_quantities`.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from claimgate.shared_fit import Reads, reads
from layercurv.claims.contest_quantities import CONTEST_QUANTITIES
from layercurv.claims.kronecker_quantities import KRONECKER_FITS, KRONECKER_QUANTITIES
from layercurv.claims.layer_fits import (
    KINDS,
    alpha_of,
    alpha_without_first_of,
    exponents_of,
    held_out_of,
    slopes_of,
    transfer_of,
)
from layercurv.claims.noise_quantities import NOISE_FITS, NOISE_QUANTITIES
from layercurv.claims.profile_quantities import PROFILE_FITS, PROFILE_QUANTITIES
from layercurv.claims.tail_quantities import TAIL_FITS, TAIL_QUANTITIES
from layercurv.claims.validation_quantities import VALIDATION_FITS, VALIDATION_QUANTITIES
from layercurv.fits import finite_zeta_bound, participation_ratio, usable_directions
from layercurv.fits.decomposition import TERMS
from layercurv.fits.spectral_bifurcation import (
    closed_form_difference,
    cluster_ratio,
    find_clusters,
    predicted_counts,
)


def _alpha(field: str, layer: dict) -> float:
    return alpha_of(layer)[field]


def _fit(name: str, field: str, layer: dict) -> float:
    return exponents_of(layer)[name][field]


def _count(name: str, layer: dict) -> float:
    return exponents_of(layer)[name]


def _slope(kind: str, term: str, layer: dict) -> float:
    return slopes_of[kind](layer)[term]


def _slope_spectra(layer: dict) -> float:
    return sum(slopes_of["ggn"](layer)[term] for term in ("lambda_d", "lambda_A"))


def _bootstrap_standard_error(layer: dict) -> float:
    return layer["alpha_bootstrap"]["standard_error"]


def _largest(values) -> float:
    return float(np.max(list(values)))  # unlike max(), NaN among the values makes NaN, which no claim accepts


def _slope_sum_residual(layer: dict) -> float:
    alpha = _alpha("slope", layer)
    return _largest(abs(sum(slopes_of[kind](layer).values()) - alpha) for kind in KINDS)


def _chi_kind_difference(layer: dict) -> float:
    return abs(slopes_of["empirical"](layer)["chi"] - slopes_of["ggn"](layer)["chi"])


def _alpha_without_first(layer: dict) -> float:
    return alpha_without_first_of(layer)["slope"]


def _alpha_residual_sd(layer: dict) -> float:
    # RSS = standard_error^2 * (n - 2) * Sxx, so the residuals' standard deviation is standard_error * sqrt(Sxx).
    keep = usable_directions(layer["singular_values"], layer["curvatures"], layer["is_null"])
    log_sigma = np.log(np.asarray(layer["singular_values"])[keep])
    return _alpha("standard_error", layer) * float(np.sqrt(((log_sigma - log_sigma.mean()) ** 2).sum()))


def _alpha_interval_holds_2(layer: dict) -> float:
    return float(_alpha("ci95_low", layer) <= 2 <= _alpha("ci95_high", layer))


def _stored_fit_difference(layer: dict) -> float:
    found, stored = exponents_of(layer), layer["fits"]
    fields = {name: value for name, value in found.items() if not isinstance(value, dict)}
    differences = [abs(value - stored[name]) for name, value in fields.items()]
    for name in found.keys() - fields.keys():
        differences += [abs(value - stored[name][field]) for field, value in found[name].items()]
    return _largest(differences)


def _stored_slope_difference(layer: dict) -> float:
    return _largest(abs(slopes_of[k](layer)[term] - layer["alpha_slopes"][k][term]) for k in KINDS for term in TERMS)


def _engine_difference(layer: dict) -> float:
    pairs = zip(layer["engine_check"]["found"], layer["engine_check"]["double_backward"], strict=True)
    return _largest(abs(found - reference) / abs(reference) for found, reference in pairs)


def _relative_errors(layer: dict) -> list[float]:
    keep = usable_directions(layer["singular_values"], layer["curvatures"], layer["is_null"])
    pairs = zip(layer["curvature_standard_errors"], layer["curvatures"], keep, strict=True)
    return [error / h for error, h, used in pairs if used]


def _largest_relative_error(layer: dict) -> float:
    return _largest(_relative_errors(layer))


def _median_relative_error(layer: dict) -> float:
    return float(np.median(_relative_errors(layer)))


def _usable(layer: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sigma, h = np.asarray(layer["singular_values"]), np.asarray(layer["curvatures"])
    return sigma, h, usable_directions(sigma, h, layer["is_null"])


def _transfer(field: str, layer: dict) -> float:
    return transfer_of(layer)[field]


def _held_out(field: str, halves: dict) -> float:
    return held_out_of(halves)[field]


def _share_left(halves: dict) -> float:
    slopes = np.asarray(halves["crossed"]["slopes"])  # u^T G v of half b along the directions of half a
    return float(np.median((slopes / halves["a"]["singular_values"])[~np.asarray(halves["a"]["is_null"])]))


def _half_difference(name: str, halves: dict) -> float:
    found, reference = (_fit(name, "slope", halves[half]) for half in ("a", "b"))
    return abs(found - reference) / abs(reference)


def _usable_curvatures(layer: dict) -> np.ndarray:
    _, h, keep = _usable(layer)
    return np.sort(h[keep])[::-1]


def _participation_without_largest(layer: dict) -> float:
    return participation_ratio(_usable_curvatures(layer)[1:])


def _largest_share(layer: dict) -> float:
    h = _usable_curvatures(layer)
    return float(h[0] / h.sum())


def _participation_over_power_law(layer: dict) -> float:
    h = _usable_curvatures(layer)
    exponent = _alpha("slope", layer) * _fit("gamma", "slope", layer)
    return participation_ratio(h) / finite_zeta_bound(exponent, h.size)


def _final_spectrum(record: dict) -> tuple[list[float], dict]:
    return record["measurements"]["snapshots"][-1]["eigenvalues"], record["provenance"]["config"]


def _at_predicted_counts(field: str, record: dict) -> float:
    eigenvalues, config = _final_spectrum(record)
    counts = predicted_counts(config["d_in"], config["d_out"], len(config["teacher"]["singular_values"]))
    return cluster_ratio(eigenvalues, *counts, config["depth"])[field]


def _found_clusters(record: dict) -> dict:
    eigenvalues, config = _final_spectrum(record)
    return find_clusters(eigenvalues, config["null_threshold"], config["depth"])


def _found(field: str, record: dict) -> float:
    return float(_found_clusters(record)[field])


def _gap_margin(record: dict) -> float:
    found = _found_clusters(record)
    return found["gap"] / found["runner_up_gap"]


def _closed_form_difference(record: dict) -> float:
    eigenvalues, config = _final_spectrum(record)
    s = record["measurements"]["product_singular_values"]
    return closed_form_difference(eigenvalues, s, config["depth"], config["d_in"], config["d_out"])


SPECTRUM_QUANTITIES: dict[str, Callable[[dict], float]] = {
    "cluster_ratio": partial(_at_predicted_counts, "ratio"),
    "cluster_ratio_minus_depth": partial(_at_predicted_counts, "ratio_minus_depth"),
    "n_dominant_found": partial(_found, "n_dominant"),
    "n_bulk_found": partial(_found, "n_bulk"),
    "gap_margin": _gap_margin,
    "closed_form_difference": _closed_form_difference,
}

QUANTITIES: dict[str, Callable[[dict], float]] = {
    "alpha": partial(_alpha, "slope"),
    "alpha_r2": partial(_alpha, "r2"),
    "alpha_interval_holds_2": _alpha_interval_holds_2,
    "gamma": partial(_fit, "gamma", "slope"),
    "s": partial(_fit, "s", "slope"),
    "transfer_relative_error": partial(_count, "transfer_relative_error"),
    "n_valid": partial(_count, "n_valid"),
    "n_null": partial(_count, "n_null"),
    "n_negative": partial(_count, "n_negative"),
    "engine_difference": _engine_difference,
    "largest_relative_error": _largest_relative_error,
    "median_relative_error": _median_relative_error,
    "alpha_without_first": _alpha_without_first,
    "alpha_residual_sd": _alpha_residual_sd,
    "alpha_bootstrap_standard_error": _bootstrap_standard_error,
    "alpha_standard_error": partial(_alpha, "standard_error"),
    "slope_spectra": _slope_spectra,
    "slope_sum_residual": _slope_sum_residual,
    "slope_chi_kind_difference": _chi_kind_difference,
    "stored_fit_difference": _stored_fit_difference,
    "stored_slope_difference": _stored_slope_difference,
    "transfer_unsorted_relative_error": partial(_transfer, "unsorted"),
    "transfer_bound": partial(_transfer, "bound"),
    "held_out_sorted": partial(_held_out, "sorted"),
    "held_out_unsorted": partial(_held_out, "unsorted"),
    "half_share_left": _share_left,
    "half_difference_s": partial(_half_difference, "s"),
    "half_difference_s_unsorted": partial(_half_difference, "s_unsorted"),
    "participation": lambda layer: participation_ratio(_usable_curvatures(layer)),
    "participation_without_largest": _participation_without_largest,
    "participation_over_power_law": _participation_over_power_law,
    "largest_curvature_share": _largest_share,
    **{f"slope_{term}_{kind}": partial(_slope, kind, term) for kind in KINDS for term in TERMS},
    **SPECTRUM_QUANTITIES,
    **VALIDATION_QUANTITIES,
    **PROFILE_QUANTITIES,
    **KRONECKER_QUANTITIES,
    **TAIL_QUANTITIES,
    **NOISE_QUANTITIES,
    **CONTEST_QUANTITIES,
}

# What is worth computing for many layers at once.
FITS: dict[str, Reads] = {
    **dict.fromkeys(("alpha", "alpha_r2", "alpha_interval_holds_2", "alpha_residual_sd"), reads(alpha_of)),
    "alpha_standard_error": reads(alpha_of),
    "alpha_without_first": reads(alpha_without_first_of),
    **dict.fromkeys(("gamma", "s", "transfer_relative_error", "stored_fit_difference"), reads(exponents_of)),
    **dict.fromkeys(("n_valid", "n_null", "n_negative"), reads(exponents_of)),
    "participation_over_power_law": reads(alpha_of, exponents_of),
    **{f"slope_{term}_{kind}": reads(slopes_of[kind]) for kind in KINDS for term in TERMS},
    "slope_spectra": reads(slopes_of["ggn"]),
    "slope_sum_residual": reads(alpha_of, *slopes_of.values()),
    **dict.fromkeys(("slope_chi_kind_difference", "stored_slope_difference"), reads(*slopes_of.values())),
    **dict.fromkeys(("transfer_unsorted_relative_error", "transfer_bound"), reads(transfer_of)),
    **dict.fromkeys(("held_out_sorted", "held_out_unsorted"), reads(held_out_of)),
    **dict.fromkeys(
        ("half_difference_s", "half_difference_s_unsorted"),
        reads(exponents_of, items_of=lambda halves: [halves["a"], halves["b"]]),
    ),
    **VALIDATION_FITS,
    **PROFILE_FITS,
    **KRONECKER_FITS,
    **TAIL_FITS,
    **NOISE_FITS,
}
