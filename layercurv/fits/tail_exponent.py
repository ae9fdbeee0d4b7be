"""The exponent of a heavy tail without a bound on it, and what a Gaussian matrix of the same shape would give."""

import functools
import math

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

from layercurv.errors import InputError
from layercurv.fits.reproducible import exp, log

MIN_TAIL = 10  # positive values there must be


def tail_exponent(values) -> dict:
    """Fit p(x) ~ x^-a for x >= x_min by maximum likelihood, x_min chosen by the smallest Kolmogorov-Smirnov distance.

    a = 1 + n / sum ln(x / x_min) over the n values from x_min on; every value but the largest is tried as x_min.

    Args:
        values: Eigenvalues of W^T W, or any positive values, shape [n]; those not positive are left out.

    Returns:
        `exponent` a, its `standard_error` (a - 1) / sqrt(n_tail) at this x_min, `x_min`, `ks_distance` and `n_tail`.

    Raises:
        InputError: If fewer than `MIN_TAIL` values are positive, or they are all equal.

    Source: Clauset, Shalizi and Newman 2009, SIAM Review 51, 661.
    """
    log_x = log(_sorted_positive(values))
    starts = np.unique(log_x, return_index=True)[1][:-1]
    exponents, distances = _fit_from(log_x, starts)
    best = int(np.argmin(distances))
    exponent, distance, n_tail = float(exponents[best]), float(distances[best]), int(log_x.size - starts[best])
    return {
        "exponent": exponent,
        "standard_error": (exponent - 1) / math.sqrt(n_tail),
        "x_min": float(exp(log_x[-n_tail])),
        "ks_distance": distance,
        "n_tail": n_tail,
    }


@functools.lru_cache(maxsize=128)  # layers of one shape share their draws
def gaussian_spectra(m: int, n: int, n_draws: int = 19, seed: int = 0) -> tuple[tuple[float, ...], ...]:
    """Draw eigenvalues of W^T W for W of independent standard Gaussian entries: a spectrum without a heavy tail.

    W itself is not drawn: orthogonal transforms make it bidiagonal, with independent chi variates of n, n - 1, ...
    degrees of freedom (n >= m) on the diagonal and of m - 1, m - 2, ... beside it.

    Args:
        m: Rows of W.
        n: Columns of W.
        n_draws: Matrices; with 19, a value beyond those of all has p = 0.05.
        seed: Of the draws.

    Returns:
        For each matrix its min(m, n) eigenvalues, descending.

    Source: Silverstein 1985, Annals of Probability 13, 1364.
    """
    m, n = sorted((m, n))
    rng = np.random.default_rng(seed)
    on = rng.chisquare(n - np.arange(m), (n_draws, m))  # squares of the bidiagonal
    beside = rng.chisquare(np.arange(m - 1, 0, -1), (n_draws, m - 1))
    diagonals = on + np.pad(beside, ((0, 0), (1, 0)))
    # The driver without vectors, `sterf`, calls no BLAS, so that no kernel decides a digit.
    eigenvalues = functools.partial(eigvalsh_tridiagonal, lapack_driver="sterf")
    spectra = map(eigenvalues, diagonals, np.sqrt(on[:, :-1] * beside))
    return tuple(tuple(spectrum[::-1].tolist()) for spectrum in spectra)


@functools.lru_cache(maxsize=128)
def gaussian_tail_exponents(m: int, n: int, n_draws: int = 19, seed: int = 0) -> tuple[float, ...]:
    """Fit the tail of `gaussian_spectra`.

    Args:
        m: Rows of W.
        n: Columns of W.
        n_draws: Matrices.
        seed: Of the draws.

    Returns:
        One exponent per matrix; the variance of the entries does not matter.
    """
    return tuple(tail_exponent(spectrum)["exponent"] for spectrum in gaussian_spectra(m, n, n_draws, seed))


def _sorted_positive(values) -> np.ndarray:
    x = np.asarray(values, dtype=np.float64)
    x = np.sort(x[x > 0])
    if x.size < MIN_TAIL or x[0] == x[-1]:
        raise InputError(f"tail exponent: expected at least {MIN_TAIL} positive values that differ, got {x.size}")
    return x


def _fit_from(log_x: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # log_x [n] ascending; for each start [s]: the exponent from there on and its Kolmogorov-Smirnov distance
    place = np.arange(log_x.size) - starts[:, None]  # [s, n], negative before the start
    rise = np.where(place < 0, 0.0, log_x - log_x[starts, None])
    n = log_x.size - starts
    exponents = 1 + n / rise.sum(axis=1)
    below = place / n[:, None]  # the share of values below each, as in the authors' own program
    distances = np.abs(1 - exp((1 - exponents[:, None]) * rise) - below)
    return exponents, np.where(place < 0, 0.0, distances).max(axis=1)
