"""How many directions carry a spectrum, and what a power law says about it."""

import numpy as np

from claimgate.statistics.reproducible import exp, inner, log, total
from layercurv.errors import InputError


def participation_ratio(x) -> float:
    """Count the entries that carry a list: (sum x)^2 / sum x^2.

    n for n equal values, 1 for a single one. The paper takes it of sigma, not of sigma^2. Entries of both signs
    cancel in the numerator, so negative curvatures lower it.

    Args:
        x: Finite values, not all zero, shape [n].

    Returns:
        The ratio, between 0 and n.

    Raises:
        InputError: If x is empty, not finite or all zero.

    Source: Bell and Dean (1970), Atomic vibrations in vitreous silica.

    Example:
        >>> participation_ratio([2.0, 2.0, 2.0, 0.0])
        3.0
    """
    x = _finite("participation ratio", x)
    x = x / np.abs(x).max()  # squares of gradients near 1e-160 would underflow
    sum_x = total(x)
    return sum_x * sum_x / inner(x, x)


def effective_rank(eigenvalues) -> float:
    """Take the exponential of the Shannon entropy of lambda / sum(lambda), 0 log 0 = 0.

    Args:
        eigenvalues: Values >= 0, not all zero, shape [n].

    Returns:
        The effective rank, between 1 and n.

    Raises:
        InputError: If a value is negative or not finite, or all are zero.

    Source: Roy and Vetterli (2007), The effective rank: a measure of effective dimensionality.

    Example:
        >>> round(effective_rank([0.5, 0.5, 0.0]), 12)
        2.0
    """
    eigenvalues = _finite("effective rank", eigenvalues)
    if (eigenvalues < 0).any():
        raise InputError(f"effective rank: expected values >= 0, got {eigenvalues.min()}")
    from scipy.special import entr  # a slow import, which verifying claims has no need of

    share = eigenvalues / eigenvalues.max()
    return float(exp(entr(share / share.sum()).sum()))


def zeta_bound(exponent: float) -> float | None:
    """Give the participation ratio of an endless power law k^-s: zeta(s)^2 / zeta(2s).

    Args:
        exponent: s.

    Returns:
        The limit, or None for s <= 1, where the sum diverges and the ratio grows with n without a bound.

    Raises:
        InputError: If the exponent is not finite.

    Source: the paper's bound; the series is Riemann's zeta function.

    Example:
        >>> round(zeta_bound(2.0), 12)  # (pi^2 / 6)^2 / (pi^4 / 90)
        2.5
    """
    if not np.isfinite(exponent):
        raise InputError(f"zeta bound: expected a finite exponent, got {exponent}")
    from scipy.special import zeta  # as in `effective_rank`

    return float(zeta(exponent) ** 2 / zeta(2 * exponent)) if exponent > 1 else None


def finite_zeta_bound(exponent: float, n: int) -> float:
    """Give the participation ratio of n terms of k^-s: (sum_{k<=n} k^-s)^2 / sum_{k<=n} k^-2s.

    Args:
        exponent: s, of any sign.
        n: How many terms, at least 1.

    Returns:
        The ratio; it grows with n towards `zeta_bound` for s > 1 and without a bound for s <= 1.

    Raises:
        InputError: If the exponent is not finite or n < 1.
    """
    if not np.isfinite(exponent) or n < 1:
        raise InputError(f"zeta bound: expected a finite exponent and n >= 1, got {exponent} and {n}")
    log_terms = -exponent * log(np.arange(1.0, n + 1))
    return participation_ratio(exp(log_terms - log_terms.max()))


def _finite(what: str, values) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all() or not values.any():
        raise InputError(f"{what}: expected one list of finite values, not all zero, got {values}")
    return values
