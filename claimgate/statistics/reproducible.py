"""Sums, logarithms and exponentials whose every bit is the same on every machine.

A BLAS kernel adds in an order of its own and fuses multiplications with additions or not; numpy's logarithm differs
with and without AVX-512, the C library's with and without FMA. In a fit that is drawn such a last digit may reach the
file. Here nothing is used but `math.fsum`, which rounds the exact sum once, and operations that IEEE 754 rounds exactly
(+, -, *, /), each a numpy call of its own, so that no compiler can fuse two. numpy's own `sum` and `mean` call no BLAS
and add in one order everywhere, so what is merely averaged may go on using them.

Source of the series: fdlibm 5.3 (Sun Microsystems 1993), e_log.c and e_exp.c; errors below one unit in the last place.
"""

import math

import numpy as np

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # 32 bits of ln 2, and the rest
SQRT_HALF = 0.5**0.5
# (log(1 + f) - log(1 - f)) / s - 2 in powers of s^2, s = f / (2 + f), from the highest; "Lg7" to "Lg1" in e_log.c
LOG_SERIES = (
    1.479819860511658591e-01,
    1.531383769920937332e-01,
    1.818357216161805012e-01,
    2.222219843214978396e-01,
    2.857142874366239149e-01,
    3.999999999940941908e-01,
    6.666666666666735130e-01,
)
# r (exp(r) + 1) / (exp(r) - 1) - 2 in powers of r^2, from the highest; "P5" to "P1" in e_exp.c
EXP_SERIES = (
    4.13813679705723846039e-08,
    -1.65339022054652515390e-06,
    6.61375632143793436117e-05,
    -2.77777777770155933842e-03,
    1.66666666666666019037e-01,
)


def total(x: np.ndarray) -> float:
    """Return the exactly rounded sum.

    Args:
        x: Finite values, shape [n].

    Returns:
        The float next to the true sum, in whatever order the values stand.
    """
    return math.fsum(x.tolist())


def inner(x: np.ndarray, y: np.ndarray) -> float:
    """Return the inner product: products rounded one by one, their sum rounded once.

    Args:
        x: Finite values, shape [n].
        y: Finite values, shape [n].

    Returns:
        sum_i x_i y_i.
    """
    return math.fsum((x * y).tolist())


def deviations(x: np.ndarray) -> np.ndarray:
    """Subtract the mean.

    Args:
        x: Finite values, shape [n], n >= 1.

    Returns:
        x less its mean, shape [n].
    """
    return x - total(x) / x.size


def log(x) -> np.ndarray:
    """Take natural logarithms.

    Args:
        x: Positive finite values, of any shape; others give nonsense.

    Returns:
        ln x in float64, of the same shape.

    Example:
        >>> log([1.0, 2.0]).tolist()
        [0.0, 0.6931471805599453]
    """
    mantissa, exponent = np.frexp(x)
    is_low = mantissa < SQRT_HALF
    f = mantissa + mantissa * is_low - 1.0  # mantissa brought to sqrt(1/2) ... sqrt(2)
    exponent = exponent - is_low
    s, half_square = f / (2.0 + f), 0.5 * f * f
    series = s * s * _polynomial(LOG_SERIES, s * s)
    return exponent * LN2_HIGH - ((half_square - (s * (half_square + series) + exponent * LN2_LOW)) - f)


def exp(x) -> np.ndarray:
    """Take exponentials.

    Args:
        x: Values up to 709, of any shape.

    Returns:
        e^x in float64, of the same shape.

    Example:
        >>> exp([0.0, 1.0]).round(12).tolist()
        [1.0, 2.718281828459]
    """
    x = np.maximum(x, -750.0)  # already zero
    exponent = np.rint(x * (1 / (LN2_HIGH + LN2_LOW)))
    high, low = x - exponent * LN2_HIGH, exponent * LN2_LOW
    r = high - low
    c = r - r * r * _polynomial(EXP_SERIES, r * r)
    return np.ldexp(1.0 - ((low - r * c / (2.0 - c)) - high), exponent.astype(np.int32))


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    first, second, *rest = coefficients
    value = first * x + second
    for coefficient in rest:
        value = value * x + coefficient
    return value
