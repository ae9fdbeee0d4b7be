"""What a claim may recompute of `weight_tail` layers, from eigenvalues of W^T W and the lists of sigma and h.

The stored tail is not used. `tail_s_*` take `{"layers": [...]}`, layers of one record put together by a selector, the
others one layer.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from claimgate.shared_fit import SharedFit, reads
from layercurv.claims.layer_fits import exponents_of, tail_of
from layercurv.fits import (
    correlation_p_value,
    gaussian_spectra,
    pearson,
    rank_slopes,
)
from layercurv.fits.gaussian_tails import gaussian_tail_exponents_of, is_below_gaussian_of

HALF_WIDTH = 1.96  # of a 95 % interval, in standard errors


def _tail(field: str, layer: dict) -> float:
    return tail_of(layer)[field]


def _reaches_s(layer: dict) -> float:
    return float(_tail("exponent", layer) >= exponents_of(layer)["s"]["slope"])


def _clear_of_s(sign: int, layer: dict) -> float:
    # Whether the tail's interval lies wholly above (sign 1) or below (-1) s.
    found, s = tail_of(layer), exponents_of(layer)["s"]["slope"]
    return float(sign * (found["exponent"] - s) > HALF_WIDTH * found["standard_error"])


def _tail_and_shape(layer: dict) -> tuple[float, tuple[int, int]]:
    return tail_of(layer)["exponent"], _shape(layer)


def _shape(layer: dict) -> tuple[int, int]:
    m, n = layer["shape"]
    return m, n


gaussian_of = SharedFit(gaussian_tail_exponents_of, _shape)
below_of = [SharedFit(partial(is_below_gaussian_of, seed=seed), _tail_and_shape) for seed in (0, 1)]


def _below_gaussian(seed: int, layer: dict) -> float:
    return float(below_of[seed](layer))


def _gaussian_exponent(layer: dict) -> float:
    return float(np.median(gaussian_of(layer)))


def _spectrum_and_ranks(layer: dict) -> tuple[list, int]:
    return layer["weight_eigenvalues"], exponents_of(layer)["n_valid"]


def _shape_and_ranks(layer: dict) -> tuple[tuple[int, int], int]:
    return _shape(layer), exponents_of(layer)["n_valid"]


def _largest_gaussian_slopes(asked: list[tuple[tuple[int, int], int]]) -> list[float]:
    # of the matrices of each shape; layers of one shape share them
    distinct = list(dict.fromkeys(asked))
    spectra = [(spectrum, n_ranks) for shape, n_ranks in distinct for spectrum in gaussian_spectra(*shape)]
    largest = np.reshape(rank_slopes(spectra), (len(distinct), -1)).max(axis=1)
    found = dict(zip(distinct, largest.tolist(), strict=True))
    return [found[shape_and_ranks] for shape_and_ranks in asked]


weight_slope_of = SharedFit(rank_slopes, _spectrum_and_ranks)
gaussian_slope_of = SharedFit(_largest_gaussian_slopes, _shape_and_ranks)


def _ranks(values: list[float]) -> np.ndarray:
    return np.argsort(np.argsort(values)).astype(float)


def _tail_against_s(correlate: Callable[..., float], selected: dict) -> float:
    layers = selected["layers"]
    lists = [_tail("exponent", layer) for layer in layers], [exponents_of(layer)["s"]["slope"] for layer in layers]
    return correlate(*map(_ranks, lists))


TAIL_QUANTITIES: dict[str, Callable[[dict], float]] = {
    "tail_exponent": partial(_tail, "exponent"),
    "tail_size": partial(_tail, "n_tail"),
    "tail_reaches_s": _reaches_s,
    "tail_clearly_above_s": partial(_clear_of_s, 1),
    "tail_clearly_below_s": partial(_clear_of_s, -1),
    "tail_below_gaussian": partial(_below_gaussian, 0),
    "tail_below_other_gaussian": partial(_below_gaussian, 1),  # how much hangs on which matrices were drawn
    "gaussian_tail_exponent": _gaussian_exponent,
    "weight_rank_slope": weight_slope_of,
    "gaussian_rank_slope": gaussian_slope_of,
    "tail_s_rank_correlation": partial(_tail_against_s, pearson),
    "tail_s_rank_correlation_p": partial(_tail_against_s, correlation_p_value),
}

TAIL_FITS = {
    **dict.fromkeys(("tail_exponent", "tail_size"), reads(tail_of)),
    "tail_below_gaussian": reads(tail_of, below_of[0]),
    "tail_below_other_gaussian": reads(tail_of, below_of[1]),
    "gaussian_tail_exponent": reads(gaussian_of),
    **dict.fromkeys(("tail_reaches_s", "tail_clearly_above_s", "tail_clearly_below_s"), reads(tail_of, exponents_of)),
    "weight_rank_slope": reads(exponents_of, weight_slope_of),
    "gaussian_rank_slope": reads(exponents_of, gaussian_slope_of),
    **dict.fromkeys(
        ("tail_s_rank_correlation", "tail_s_rank_correlation_p"),
        reads(tail_of, exponents_of, items_of=lambda selected: selected["layers"]),
    ),
}
