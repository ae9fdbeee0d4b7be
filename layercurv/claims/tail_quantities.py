"""What a claim may recompute of `weight_tail` layers, from eigenvalues of W^T W and the lists of sigma and h.

The stored tail is not used. `tail_s_*` take `{"layers": [...]}`, layers of one record put together by a selector, the
others one layer.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from layercurv.fits import (
    correlation_against_chance,
    fit_power_law,
    fit_spectral_exponents,
    gaussian_spectra,
    gaussian_tail_exponents,
    tail_exponent,
)

HALF_WIDTH = 1.96  # of a 95 % interval, in standard errors


def _exponents(layer: dict) -> dict:
    return fit_spectral_exponents(*(layer[key] for key in ("singular_values", "curvatures", "is_null")))


def _tail(field: str, layer: dict) -> float:
    return _fitted(tuple(layer["weight_eigenvalues"]))[field]


@lru_cache(maxsize=1024)  # several claims rest on each tail
def _fitted(spectrum: tuple[float, ...]) -> dict:
    return tail_exponent(spectrum)


def _reaches_s(layer: dict) -> float:
    return float(_tail("exponent", layer) >= _exponents(layer)["s"]["slope"])


def _clear_of_s(sign: int, layer: dict) -> float:
    # Whether the tail's interval lies wholly above (sign 1) or below (-1) s.
    found, s = _fitted(tuple(layer["weight_eigenvalues"])), _exponents(layer)["s"]["slope"]
    return float(sign * (found["exponent"] - s) > HALF_WIDTH * found["standard_error"])


def _below_gaussian(seed: int, layer: dict) -> float:
    return float(_tail("exponent", layer) < min(gaussian_tail_exponents(*layer["shape"], seed=seed)))


def _gaussian_exponent(layer: dict) -> float:
    return float(np.median(gaussian_tail_exponents(*layer["shape"])))


def _rank_slope(eigenvalues, n_ranks: int) -> float:
    # minus the slope of log singular value on log rank, over the first ranks
    values = np.sqrt([value for value in eigenvalues if value > 0][:n_ranks])
    return -fit_power_law(np.arange(1, values.size + 1), values).slope


def _weight_rank_slope(layer: dict) -> float:
    return _rank_slope(layer["weight_eigenvalues"], _exponents(layer)["n_valid"])


def _gaussian_rank_slope(layer: dict) -> float:
    n_ranks = _exponents(layer)["n_valid"]
    return max(_rank_slope(spectrum, n_ranks) for spectrum in gaussian_spectra(*layer["shape"]))


def _ranks(values: list[float]) -> np.ndarray:
    return np.argsort(np.argsort(values)).astype(float)


def _tail_against_s(field: str, selected: dict) -> float:
    layers = selected["layers"]
    tails, s = [_tail("exponent", la) for la in layers], [_exponents(la)["s"]["slope"] for la in layers]
    return correlation_against_chance(_ranks(tails), _ranks(s))[field]


TAIL_QUANTITIES: dict[str, Callable[[dict], float]] = {
    "tail_exponent": partial(_tail, "exponent"),
    "tail_size": partial(_tail, "n_tail"),
    "tail_reaches_s": _reaches_s,
    "tail_clearly_above_s": partial(_clear_of_s, 1),
    "tail_clearly_below_s": partial(_clear_of_s, -1),
    "tail_below_gaussian": partial(_below_gaussian, 0),
    "tail_below_other_gaussian": partial(_below_gaussian, 1),  # how much hangs on which matrices were drawn
    "gaussian_tail_exponent": _gaussian_exponent,
    "weight_rank_slope": _weight_rank_slope,
    "gaussian_rank_slope": _gaussian_rank_slope,
    "tail_s_rank_correlation": partial(_tail_against_s, "r"),
    "tail_s_rank_correlation_p": partial(_tail_against_s, "p_value"),
}
