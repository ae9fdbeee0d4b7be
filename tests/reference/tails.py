"""Quantities of `weight_tail` records another way: every tail tried, eigenvalues of drawn matrices by dense SVD."""

import functools
import math
import statistics

import numpy as np
from scipy import stats

from tests.reference.kronecker import permuted_p

_STARTS = ("tail_", "gaussian_tail_", "gaussian_rank_", "weight_rank_")


def names(quantities) -> set[str]:
    return {name for name in quantities if name.startswith(_STARTS)}


def quantity(name: str, item: dict) -> float:
    if name.startswith("tail_s_rank_correlation"):
        exponents, falls = zip(*((tail(layer)[0], _s(layer)[0]) for layer in item["layers"]), strict=True)
        r = float(stats.spearmanr(exponents, falls).statistic)
        return permuted_p(stats.rankdata(exponents), stats.rankdata(falls), r) if name.endswith("_p") else r
    if name == "gaussian_tail_exponent":
        return statistics.median(_gaussian_tails(*item["shape"], 0))
    if name == "weight_rank_slope":
        return _rank_slope(item["weight_eigenvalues"], _s(item)[1])
    if name == "gaussian_rank_slope":
        return max(_rank_slope(values, _s(item)[1]) for values in _gaussian_spectra(*item["shape"], 0))
    exponent, n = tail(item)
    half = 1.96 * (exponent - 1) / math.sqrt(n)
    return {
        "tail_exponent": lambda: exponent,
        "tail_size": lambda: float(n),
        "tail_reaches_s": lambda: float(exponent >= _s(item)[0]),
        "tail_clearly_above_s": lambda: float(exponent - half > _s(item)[0]),
        "tail_clearly_below_s": lambda: float(exponent + half < _s(item)[0]),
        "tail_below_gaussian": lambda: float(exponent < min(_gaussian_tails(*item["shape"], 0))),
        "tail_below_other_gaussian": lambda: float(exponent < min(_gaussian_tails(*item["shape"], 1))),
    }[name]()


def tail(layer: dict) -> tuple[float, int]:
    return _tail(tuple(layer["weight_eigenvalues"]))


@functools.cache
def _tail(values: tuple[float, ...]) -> tuple[float, int]:
    # the exponent and the number of values of the tail nearest to its own power law
    if not all(math.isfinite(value) for value in values):
        raise ValueError("not finite")
    x = np.sort([value for value in values if value > 0])
    if x.size < 10:
        raise ValueError("too few values")
    best = (math.inf, 0.0, 0)
    for x_min in np.unique(x)[:-1]:
        kept = x[x >= x_min]
        exponent = 1 + kept.size / math.fsum(np.log(kept / x_min))
        fitted = 1 - (kept / x_min) ** (1 - exponent)
        distance = float(np.abs(fitted - np.arange(kept.size) / kept.size).max())
        best = min(best, (distance, exponent, int(kept.size)))
    return best[1:]


def _s(layer: dict) -> tuple[float, int]:
    # the exponent of the sorted curvatures, and how many there are
    rows = zip(layer["singular_values"], layer["curvatures"], layer["is_null"], strict=True)
    kept = sorted((h for sigma, h, null in rows if not null and sigma > 0 and h > 0), reverse=True)
    ranks = [math.log(k) for k in range(1, len(kept) + 1)]
    return -statistics.linear_regression(ranks, [math.log(h) for h in kept]).slope, len(kept)


def _rank_slope(eigenvalues, n: int) -> float:
    kept = [value for value in eigenvalues if value > 0][:n]
    ranks = np.log(np.arange(1, len(kept) + 1))
    return -float(np.polyfit(ranks, np.log(kept) / 2, 1)[0])


@functools.cache
def _gaussian_spectra(m: int, n: int, seed: int) -> list[list[float]]:
    # of 19 bidiagonal matrices with the seed's chi variates, which are part of the quantity's definition
    m, n = min(m, n), max(m, n)
    generator = np.random.default_rng(seed)
    on = np.sqrt(generator.chisquare(n - np.arange(m), (19, m)))
    beside = np.sqrt(generator.chisquare(np.arange(m - 1, 0, -1), (19, m - 1)))
    matrices = [np.diag(on[i]) + np.diag(beside[i], -1) for i in range(19)]
    return [(np.linalg.svd(matrix, compute_uv=False) ** 2).tolist() for matrix in matrices]


@functools.cache
def _gaussian_tails(m: int, n: int, seed: int) -> list[float]:
    return [_tail(tuple(values))[0] for values in _gaussian_spectra(m, n, seed)]
