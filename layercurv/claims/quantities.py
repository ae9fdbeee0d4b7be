"""What a claim may recompute from one layer's raw lists.

Each function takes a layer of an `alpha_map` record and reads raw measurements (sigma, h, factor spectra), so that a
stored fit is never trusted; `stored_*` quantities compare the stored fit with the recomputed one.
"""

from collections.abc import Callable

from layercurv.fits import alignment_terms, decomposition_slopes, fit_spectral_exponents, usable_directions
from layercurv.fits.decomposition import TERMS

KINDS = ("empirical", "ggn")


def _exponents(layer: dict) -> dict:
    return fit_spectral_exponents(layer["singular_values"], layer["curvatures"], layer["is_null"])


def _fit(name: str, field: str) -> Callable[[dict], float]:
    return lambda layer: _exponents(layer)[name][field]


def _count(name: str) -> Callable[[dict], float]:
    return lambda layer: _exponents(layer)[name]


def _slopes(layer: dict, kind: str) -> dict[str, float]:
    sigma, h = layer["singular_values"], layer["curvatures"]
    factors = layer["kronecker"]
    terms = alignment_terms(h, factors[kind], factors["A"], layer["n_positions"])
    return decomposition_slopes(sigma, terms, usable_directions(sigma, h, layer["is_null"]))


def _slope(kind: str, term: str) -> Callable[[dict], float]:
    return lambda layer: _slopes(layer, kind)[term]


def _slope_sum_residual(kind: str) -> Callable[[dict], float]:
    return lambda layer: abs(sum(_slopes(layer, kind).values()) - _exponents(layer)["alpha"]["slope"])


def _stored_fit_difference(layer: dict) -> float:
    found, stored = _exponents(layer), layer["fits"]
    return max(abs(found[name]["slope"] - stored[name]["slope"]) for name in ("alpha", "gamma", "s", "s_unsorted"))


def _stored_slope_difference(layer: dict) -> float:
    return max(abs(_slopes(layer, k)[term] - layer["alpha_slopes"][k][term]) for k in KINDS for term in TERMS)


def _engine_difference(layer: dict) -> float:
    pairs = zip(layer["engine_check"]["ggn"], layer["engine_check"]["double_backward"], strict=True)
    return max(abs(ggn - reference) / abs(reference) for ggn, reference in pairs)


def _largest_relative_error(layer: dict) -> float:
    keep = usable_directions(layer["singular_values"], layer["curvatures"], layer["is_null"])
    pairs = zip(layer["curvature_standard_errors"], layer["curvatures"], keep, strict=True)
    return max(error / h for error, h, used in pairs if used)


QUANTITIES: dict[str, Callable[[dict], float]] = {
    "alpha": _fit("alpha", "slope"),
    "alpha_r2": _fit("alpha", "r2"),
    "alpha_ci95_low": _fit("alpha", "ci95_low"),
    "alpha_ci95_high": _fit("alpha", "ci95_high"),
    "gamma": _fit("gamma", "slope"),
    "s": _fit("s", "slope"),
    "transfer_relative_error": _count("transfer_relative_error"),
    "n_valid": _count("n_valid"),
    "n_null": _count("n_null"),
    "n_negative": _count("n_negative"),
    "engine_difference": _engine_difference,
    "largest_relative_error": _largest_relative_error,
    "stored_fit_difference": _stored_fit_difference,
    "stored_slope_difference": _stored_slope_difference,
    **{f"slope_{term}_{kind}": _slope(kind, term) for kind in KINDS for term in TERMS},
    **{f"slope_sum_residual_{kind}": _slope_sum_residual(kind) for kind in KINDS},
}
