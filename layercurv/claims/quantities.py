"""What a claim may recompute from one layer's raw lists.

Each function takes a layer of an `alpha_map` record (`held_out_*` and `half_*` one of an `alpha_triangle` record) and
reads raw measurements (sigma, h, factor spectra), so that a stored fit is never trusted; `stored_*` quantities compare
the stored fit with the recomputed one. Those in `SPECTRUM_QUANTITIES` take a whole `depth_bifurcation` record (select
`@`) and read the eigenvalues at the end of its descent. Those of `hvp_validation` and `conv_gap` stand in
`validation_quantities`, of `rank_profile` in `profile_quantities`, of `kronecker_spectrum` in `kronecker_quantities`,
of `weight_tail` in `tail_quantities`, of `sampling_noise` in `noise_quantities`.
"""

import functools
from collections.abc import Callable
from functools import partial

import numpy as np

from layercurv.claims.kronecker_quantities import KRONECKER_QUANTITIES
from layercurv.claims.noise_quantities import NOISE_QUANTITIES
from layercurv.claims.profile_quantities import PROFILE_QUANTITIES
from layercurv.claims.tail_quantities import TAIL_QUANTITIES
from layercurv.claims.validation_quantities import VALIDATION_QUANTITIES
from layercurv.fits import (
    alignment_terms,
    decomposition_slopes,
    finite_zeta_bound,
    fit_alpha,
    fit_spectral_exponents,
    held_out_error,
    participation_ratio,
    transfer_errors,
    usable_directions,
)
from layercurv.fits.decomposition import TERMS
from layercurv.fits.spectral_bifurcation import (
    closed_form_difference,
    cluster_ratio,
    find_clusters,
    predicted_counts,
)

KINDS = ("empirical", "ggn")


@functools.lru_cache(maxsize=4096)  # many claims ask for the same fit of the same numbers
def _fitted(fit: Callable, sigma: tuple, h: tuple, is_null: tuple) -> dict:
    return fit(sigma, h, is_null)


def _exponents(layer: dict) -> dict:
    lists = (tuple(layer[key]) for key in ("singular_values", "curvatures", "is_null"))
    return _fitted(fit_spectral_exponents, *lists)


def _alpha(field: str, layer: dict) -> float:
    lists = (tuple(layer[key]) for key in ("singular_values", "curvatures", "is_null"))
    return _fitted(fit_alpha, *lists)[field]


def _fit(name: str, field: str, layer: dict) -> float:
    return _exponents(layer)[name][field]


def _count(name: str, layer: dict) -> float:
    return _exponents(layer)[name]


@functools.lru_cache(maxsize=4096)
def _fitted_slopes(sigma: tuple, h: tuple, is_null: tuple, spectra_d: tuple, spectra_A: tuple, L: int) -> dict:
    factor_d, factor_A = (dict(zip(("eigenvalues", "rayleigh"), s, strict=True)) for s in (spectra_d, spectra_A))
    return decomposition_slopes(sigma, alignment_terms(h, factor_d, factor_A, L), usable_directions(sigma, h, is_null))


def _slopes(layer: dict, kind: str) -> dict[str, float]:
    lists = (tuple(layer[key]) for key in ("singular_values", "curvatures", "is_null"))
    spectra = (
        tuple(tuple(layer["kronecker"][factor][key]) for key in ("eigenvalues", "rayleigh")) for factor in (kind, "A")
    )
    return _fitted_slopes(*lists, *spectra, layer["n_positions"])


def _slope(kind: str, term: str, layer: dict) -> float:
    return _slopes(layer, kind)[term]


def _slope_spectra(layer: dict) -> float:
    return _slopes(layer, "ggn")["lambda_d"] + _slopes(layer, "ggn")["lambda_A"]


def _bootstrap_standard_error(layer: dict) -> float:
    return layer["alpha_bootstrap"]["standard_error"]


def _largest(values) -> float:
    return float(np.max(list(values)))  # unlike max(), NaN among the values makes NaN, which no claim accepts


def _slope_sum_residual(layer: dict) -> float:
    alpha = _alpha("slope", layer)
    return _largest(abs(sum(_slopes(layer, kind).values()) - alpha) for kind in KINDS)


def _chi_kind_difference(layer: dict) -> float:
    return abs(_slopes(layer, "empirical")["chi"] - _slopes(layer, "ggn")["chi"])


def _alpha_without_first(layer: dict) -> float:
    return _alpha("slope", {key: layer[key][1:] for key in ("singular_values", "curvatures", "is_null")})


def _alpha_residual_sd(layer: dict) -> float:
    # RSS = standard_error^2 * (n - 2) * Sxx, so the residuals' standard deviation is standard_error * sqrt(Sxx).
    keep = usable_directions(layer["singular_values"], layer["curvatures"], layer["is_null"])
    log_sigma = np.log(np.asarray(layer["singular_values"])[keep])
    return _alpha("standard_error", layer) * float(np.sqrt(((log_sigma - log_sigma.mean()) ** 2).sum()))


def _alpha_interval_holds_2(layer: dict) -> float:
    return float(_alpha("ci95_low", layer) <= 2 <= _alpha("ci95_high", layer))


def _stored_fit_difference(layer: dict) -> float:
    found, stored = _exponents(layer), layer["fits"]
    fields = {name: value for name, value in found.items() if not isinstance(value, dict)}
    differences = [abs(value - stored[name]) for name, value in fields.items()]
    for name in found.keys() - fields.keys():
        differences += [abs(value - stored[name][field]) for field, value in found[name].items()]
    return _largest(differences)


def _stored_slope_difference(layer: dict) -> float:
    return _largest(abs(_slopes(layer, k)[term] - layer["alpha_slopes"][k][term]) for k in KINDS for term in TERMS)


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
    return transfer_errors(*_usable(layer))[field]


def _held_out(field: str, halves: dict) -> float:
    return held_out_error(*_usable(halves["a"]), *_usable(halves["b"])[1:])[field]


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
}
