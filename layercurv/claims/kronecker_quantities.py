"""What a claim may recompute of how well Kronecker factors do, and of whether that goes with alpha.

Those whose name starts with `alpha_gap_` take `{"layers": [...]}`, layers of one record put together by a selector, and
correlate |alpha - 2| with a miss over these layers: `slack` of `conv_gap` layers; `mismatch`, `shape` and
`decorrelation` (1 - r of the logarithms) of `kronecker_spectrum` layers. `foreign_*` take the same, the others one
layer of `kronecker_spectrum`. All read raw lists and no stored fit.
"""

import functools
from collections.abc import Callable
from functools import partial

import numpy as np

from layercurv.fits import (
    concentration_slack,
    correlation_against_chance,
    fit_alpha,
    log_correlation,
    log_mismatch,
    shape_mismatch,
    without_trend,
)

ALPHA = 2.0  # what the source paper holds to be universal
KINDS = ("empirical", "ggn")


def _slack(kind: str, layer: dict) -> float:
    return concentration_slack(layer["gap"][kind]["concentration"], layer["is_null"])


def _spectra(layer: dict, predicted_for: dict | None = None) -> tuple[list[float], list[float]]:
    # measured singular values of a layer, predicted logarithms of it or of another layer
    return layer["gradient_singular_values"], (predicted_for or layer)["kinds"]["empirical"]["noise"]["mean_log"]


def _mismatch(layer: dict) -> float:
    return log_mismatch(*_spectra(layer))


def _shape(layer: dict) -> float:
    return shape_mismatch(*_spectra(layer))


def _correlation(layer: dict) -> float:
    return log_correlation(*_spectra(layer))


def _first_ratio(layer: dict) -> float:
    sigma, mean_log = _spectra(layer)
    return sigma[0] / float(np.exp(mean_log[0]))


def _foreign(measure: Callable, selected: dict) -> float:
    # median over pairs of layers with equally many singular values: one's spectrum, the other's prediction
    layers = selected["layers"]
    sizes = [len(_spectra(layer)[1]) for layer in layers]
    pairs = [(i, j) for i in range(len(layers)) for j in range(len(layers)) if i != j and sizes[i] == sizes[j]]
    return float(np.median([measure(*_spectra(layers[i], layers[j])) for i, j in pairs]))


@functools.lru_cache(maxsize=256)  # coefficient and p-value are asked for one after the other
def _against_chance(gaps: tuple[float, ...], misses: tuple[float, ...]) -> dict:
    return correlation_against_chance(gaps, misses)


def _alpha_gap(miss: Callable, field: str, is_detrended: bool, selected: dict) -> float:
    layers = selected["layers"]
    fits = [fit_alpha(*(layer[key] for key in ("singular_values", "curvatures", "is_null"))) for layer in layers]
    lists = [[abs(fit["slope"] - ALPHA) for fit in fits], [miss(layer) for layer in layers]]
    if is_detrended:
        lists = [without_trend(values, range(len(layers))).tolist() for values in lists]
    return _against_chance(*map(tuple, lists))[field]


MISSES: dict[str, Callable[[dict], float]] = {
    **{f"slack_{kind}": partial(_slack, kind) for kind in KINDS},
    "mismatch": _mismatch,
    "shape": _shape,
    "decorrelation": lambda layer: 1 - _correlation(layer),
}

KRONECKER_QUANTITIES: dict[str, Callable[[dict], float]] = {
    "noise_mismatch": _mismatch,
    "noise_shape_mismatch": _shape,
    "noise_correlation": _correlation,
    "noise_first_ratio": _first_ratio,
    "foreign_noise_mismatch": partial(_foreign, log_mismatch),
    "foreign_noise_shape_mismatch": partial(_foreign, shape_mismatch),
    "foreign_noise_correlation": partial(_foreign, log_correlation),
    **{
        f"alpha_gap_{name}{'_given_depth' if is_detrended else ''}_{field}": partial(
            _alpha_gap, miss, key, is_detrended
        )
        for name, miss in MISSES.items()
        for is_detrended in (False, True)
        for field, key in (("r", "r"), ("p", "p_value"))
    },
}
