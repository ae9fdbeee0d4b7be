"""What a claim may recompute of `hvp_validation` and `conv_gap` records.

As in `quantities`, each function reads raw measurements and no stored fit. All take one layer, except
`finite_difference_error`, which takes `{"layers": [{"exact": [K], "found": [[K] per step]}]}` as put together by a
selector, so that one median runs over the directions of many layers.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from claimgate.shared_fit import SharedFit, reads
from layercurv.claims.layer_fits import KINDS
from layercurv.fits import r_squared, usable_directions
from layercurv.fits.power_law import fit_power_laws

GAP_TERMS = ("kronecker", "concentration", "sud", "chi")


def _not_null(layer: dict, *names: str) -> list[np.ndarray]:
    used = ~np.asarray(layer["is_null"], dtype=bool)
    return [np.asarray(layer[name], dtype=np.float64)[used] for name in names]


def _r2_of_power(power: int, layer: dict) -> float:
    sigma, h = _not_null(layer, "singular_values", "curvatures")
    return r_squared(h, sigma**power)


def _r2_without_first(layer: dict) -> float:
    return _r2_of_power(2, {name: layer[name][1:] for name in ("singular_values", "curvatures", "is_null")})


def _r2_of_ggn(layer: dict) -> float:
    return r_squared(*_not_null(layer, "curvatures", "ggn_curvatures"))


def _ggn_difference(layer: dict) -> float:
    h, ggn = _not_null(layer, "curvatures", "ggn_curvatures")
    return float(np.max(np.abs(ggn - h) / np.abs(h)))


def _finite_difference_error(selected: dict) -> float:
    exact = np.concatenate([layer["exact"] for layer in selected["layers"]])
    steps = zip(*(layer["found"] for layer in selected["layers"]), strict=True)
    found = np.array([np.concatenate(layers) for layers in steps])  # [steps, directions of all layers]
    return float(np.min(np.median(np.abs(found - exact) / np.abs(exact), axis=1)))


def _chi_median(layer: dict) -> float:
    h, kronecker = (np.asarray(values) for values in (layer["curvatures"], layer["gap"]["empirical"]["kronecker"]))
    keep = ~np.asarray(layer["is_null"]) & (h > 0) & (kronecker > 0)
    return float(np.median(h[keep] / kronecker[keep]))


def _chi_log10_median(layer: dict) -> float:
    return float(np.log10(_chi_median(layer)))


def _against_sigma(term: str, kind: str, layer: dict) -> tuple[np.ndarray, np.ndarray]:
    # sigma and a term of the gap on the directions that enter alpha
    sigma, h = (np.asarray(layer[name], dtype=np.float64) for name in ("singular_values", "curvatures"))
    keep = usable_directions(sigma, h, layer["is_null"])
    if term == "chi":
        values = h[keep] / np.asarray(layer["gap"][kind]["kronecker"], dtype=np.float64)[keep]
    else:
        values = np.asarray(layer["gap"][kind][term], dtype=np.float64)[keep]
    return sigma[keep], values


GAP_FITS = {
    f"gap_slope_{term}_{kind}": SharedFit(fit_power_laws, partial(_against_sigma, term, kind))
    for term in GAP_TERMS
    for kind in KINDS
}


def _gap_slope(name: str, layer: dict) -> float:
    return GAP_FITS[name](layer).slope


VALIDATION_QUANTITIES: dict[str, Callable[[dict], float]] = {
    "r2_sigma2": partial(_r2_of_power, 2),
    "r2_sigma3": partial(_r2_of_power, 3),
    "r2_sigma2_without_first": _r2_without_first,
    "r2_ggn": _r2_of_ggn,
    "ggn_difference": _ggn_difference,
    "finite_difference_error": _finite_difference_error,
    "chi_median": _chi_median,
    "chi_log10_median": _chi_log10_median,
    **{name: partial(_gap_slope, name) for name in GAP_FITS},
}

VALIDATION_FITS = {name: reads(fit) for name, fit in GAP_FITS.items()}
