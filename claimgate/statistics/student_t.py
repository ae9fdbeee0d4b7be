"""Student's t distribution. Importing scipy.special takes as long as reading every frozen record; this takes nothing.

Only +, -, *, /, square roots and the logarithm and exponential of `reproducible` are used, so that no machine decides a
digit.
"""

import functools
import math

from claimgate.errors import InputError
from claimgate.statistics.reproducible import exp, log

# Gamma(w + 3/4) / Gamma(w + 1/4) / sqrt(w) in powers of w^-2, from the highest; Tricomi and Erdelyi (1951), Pacific
# Journal of Mathematics 1, 133. From w = 30 on what follows is below 1e-17.
GAMMA_RATIO_SERIES = (-174317 / 134217728, 631 / 524288, -19 / 8192, 1 / 64, 1.0)
SERIES_FROM = 30


@functools.lru_cache(maxsize=1024)
def t_quantile(freedom: float, p: float) -> float:
    """Return the t below which a share p of the distribution lies.

    Newton's steps from a value below the quantile: the tail is convex for t > 0, so none leads past it.

    Args:
        freedom: Degrees of freedom, > 0, not necessarily whole.
        p: 0.5 < p < 1.

    Returns:
        The quantile, to a relative error of about 1e-14.

    Raises:
        InputError: If an argument is out of its range.

    Example:
        >>> round(t_quantile(1, 0.75), 12)  # Cauchy: tan(pi / 4)
        1.0
    """
    if not (freedom > 0 and 0.5 < p < 1):
        raise InputError(f"t distribution: expected freedom > 0 and 0.5 < p < 1, got {freedom} and {p}")
    t = (p - 0.5) / _density(freedom, 0.0)  # the first step, from zero
    while (further := t + (t_tail(freedom, t) - (1 - p)) / _density(freedom, t)) > t * (1 + 1e-15):
        t = further
    return t


def t_tail(freedom: float, t: float) -> float:
    """Return the share of the distribution that lies above t.

    Half the regularised incomplete beta function I_x(freedom / 2, 1 / 2) at x = freedom / (freedom + t^2), for t >= 0.

    Args:
        freedom: Degrees of freedom, > 0, not necessarily whole.
        t: Any finite number.

    Returns:
        A share between 0 and 1; small ones keep their relative precision.

    Example:
        >>> round(t_tail(1, 1.0), 12)
        0.25
    """
    if t < 0:
        return 1 - t_tail(freedom, -t)
    a, b, square = freedom / 2, 0.5, t * t
    x, y = freedom / (freedom + square), square / (freedom + square)
    power = math.sqrt(y) * float(exp(a * log(x))) * _gamma_ratio(a) / math.sqrt(math.pi)  # x^a y^b / B(a, b)
    if x < (a + 1) / (a + b + 2):
        return power / a * _continued_fraction(a, b, x) / 2
    return (1 - power / b * _continued_fraction(b, a, y)) / 2


def _density(freedom: float, t: float) -> float:
    rise = float(exp(-(freedom + 1) / 2 * log(1 + t * t / freedom)))
    return _gamma_ratio(freedom / 2) / math.sqrt(freedom * math.pi) * rise


@functools.lru_cache(maxsize=1024)
def _gamma_ratio(a: float) -> float:
    # Gamma(a + 1/2) / Gamma(a)
    factor = 1.0
    while a < SERIES_FROM:
        factor *= a / (a + 0.5)
        a += 1
    w = a - 0.25
    return factor * math.sqrt(w) * functools.reduce(lambda value, c: value / (w * w) + c, GAMMA_RATIO_SERIES)


def _continued_fraction(a: float, b: float, x: float) -> float:
    # I_x(a, b) a B(a, b) / (x^a (1 - x)^b), DLMF 8.17.22, by the modified method of Lentz
    value = ratio = 1.0
    inverse = 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        inverse = 1 / (1 + d * inverse)
        ratio = 1 + d / ratio
        value *= inverse * ratio
        if abs(inverse * ratio - 1) < 1e-16:
            break
    return 1 / value
