"""The tail exponents that Gaussian matrices give, whose spectra have no heavy tail."""

import functools
from itertools import pairwise

import numpy as np

from layercurv.fits.tail_exponent import tail_exponent_of
from layercurv.fits.tridiagonal import tridiagonal_eigenvalues

N_DRAWS = 19  # a value beyond those of all has p = 0.05
# The first draws are made before the others: most tails that are not below all are not below these.
STAGES = (2, 6)

Shape = tuple[int, int]


def gaussian_spectra(m: int, n: int, n_draws: int = N_DRAWS, seed: int = 0) -> np.ndarray:
    """Draw eigenvalues of W^T W for W of independent standard Gaussian entries: a spectrum without a heavy tail.

    W itself is not drawn: orthogonal transforms make it bidiagonal, with independent chi variates of n, n - 1, ...
    degrees of freedom (n >= m) on the diagonal and of m - 1, m - 2, ... beside it.

    Args:
        m: Rows of W.
        n: Columns of W.
        n_draws: Matrices.
        seed: Of the draws.

    Returns:
        For each matrix its eigenvalues, descending, shape [n_draws, min(m, n)]; not to be changed.

    Source: Silverstein 1985, Annals of Probability 13, 1364.
    """
    return _spectra(min(m, n), max(m, n), n_draws, seed, 0, n_draws)


def gaussian_tail_exponents(m: int, n: int, n_draws: int = N_DRAWS, seed: int = 0) -> tuple[float, ...]:
    """Fit the tail of `gaussian_spectra`.

    Args:
        m: Rows of W.
        n: Columns of W.
        n_draws: Matrices.
        seed: Of the draws.

    Returns:
        One exponent per matrix; the variance of the entries does not matter.
    """
    return gaussian_tail_exponents_of([(m, n)], n_draws, seed)[0]


def gaussian_tail_exponents_of(shapes: list[Shape], n_draws: int = N_DRAWS, seed: int = 0) -> list[tuple[float, ...]]:
    """Fit the tails of the spectra of many shapes at once.

    Args:
        shapes: Rows and columns of each.
        n_draws: Matrices of each shape.
        seed: Of the draws.

    Returns:
        For each shape what `gaussian_tail_exponents` gives, to the last bit.
    """
    stages = [_exponents(shapes, n_draws, seed, *stage) for stage in _stages(n_draws)]
    return [sum(parts, ()) for parts in zip(*stages, strict=True)]


def is_below_gaussian(exponent: float, m: int, n: int, n_draws: int = N_DRAWS, seed: int = 0) -> bool:
    """Say whether an exponent is below all of `gaussian_tail_exponents`.

    Args:
        exponent: Of the tail of a matrix with the shape of W.
        m: Rows of W.
        n: Columns of W.
        n_draws: Matrices.
        seed: Of the draws.

    Returns:
        Whether it is smaller than each.
    """
    return is_below_gaussian_of([(exponent, (m, n))], n_draws, seed)[0]


def is_below_gaussian_of(tails: list[tuple[float, Shape]], n_draws: int = N_DRAWS, seed: int = 0) -> list[bool]:
    """Compare many exponents with those of Gaussian matrices, drawing no more than that takes.

    Args:
        tails: Exponent and shape of each matrix.
        n_draws: Gaussian matrices of each shape.
        seed: Of the draws.

    Returns:
        For each tail what `is_below_gaussian` gives.
    """
    is_below = [True] * len(tails)
    for stage in _stages(n_draws):
        left = [i for i, below in enumerate(is_below) if below]
        found = _exponents([tails[i][1] for i in left], n_draws, seed, *stage)
        for i, exponents in zip(left, found, strict=True):
            is_below[i] = tails[i][0] < min(exponents)
    return is_below


def _stages(n_draws: int) -> list[tuple[int, int]]:
    return list(pairwise([0, *(stage for stage in STAGES if stage < n_draws), n_draws]))


_KNOWN: dict[tuple[int, ...], tuple[float, ...]] = {}  # layers of one shape share their draws


def _exponents(shapes: list[Shape], n_draws: int, seed: int, first: int, last: int) -> list[tuple[float, ...]]:
    # of the draws from `first` to `last`; those of all shapes that are not known are fitted together
    asked = [(min(shape), max(shape), n_draws, seed, first, last) for shape in shapes]
    missing = [key for key in dict.fromkeys(asked) if key not in _KNOWN]
    tails = iter(tail_exponent_of([spectrum for key in missing for spectrum in _spectra(*key)]))
    for key in missing:
        _KNOWN[key] = tuple(next(tails)["exponent"] for _ in range(first, last))
    return [_KNOWN[key] for key in asked]


@functools.lru_cache(maxsize=256)
def _squares(m: int, n: int, n_draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    # squares of the bidiagonal matrices [n_draws, m] and [n_draws, m - 1]
    rng = np.random.default_rng(seed)
    return rng.chisquare(n - np.arange(m), (n_draws, m)), rng.chisquare(np.arange(m - 1, 0, -1), (n_draws, m - 1))


@functools.lru_cache(maxsize=256)
def _spectra(m: int, n: int, n_draws: int, seed: int, first: int, last: int) -> np.ndarray:
    on, beside = _squares(m, n, n_draws, seed)
    diagonals = (on + np.pad(beside, ((0, 0), (1, 0))))[first:last]
    spectra = map(tridiagonal_eigenvalues, diagonals, np.sqrt(on[:, :-1] * beside)[first:last])
    return np.stack(list(spectra))[:, ::-1]
