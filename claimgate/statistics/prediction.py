"""Where a mean and one more value of the same kind are to be expected, and how surprising others are."""

import math
from collections.abc import Callable

import numpy as np

from claimgate.errors import InputError
from claimgate.statistics.student_t import t_quantile, t_tail


def prediction_interval(values) -> tuple[float, float] | None:
    """Say where the value of one more seed is to be expected, with probability 95 %.

    mean +- t(0.975, n - 1) s sqrt(1 + 1/n), for values that scatter normally.

    Args:
        values: One per seed, shape [n].

    Returns:
        Low and high end; None for fewer than two values.

    Example:
        >>> prediction_interval([1.0, 1.0, 1.0])
        (1.0, 1.0)
    """
    return _interval(values, lambda n: 1 + 1 / n)


def mean_interval(values) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean.

    mean +- t(0.975, n - 1) s / sqrt(n), for values that scatter normally.

    Args:
        values: One per seed, shape [n].

    Returns:
        Low and high end; None for fewer than two values.

    Example:
        >>> mean_interval([2.0, 2.0])
        (2.0, 2.0)
    """
    return _interval(values, lambda n: 1 / n)


def _interval(values, variance_factor: Callable[[int], float]) -> tuple[float, float] | None:
    values = np.asarray(values, dtype=np.float64)
    n = values.size
    if n < 2:
        return None
    half = t_quantile(n - 1, 0.975) * float(values.std(ddof=1)) * math.sqrt(variance_factor(n))
    return float(values.mean()) - half, float(values.mean()) + half


def seeds_p_value(before, after) -> float | None:
    """Test whether the mean of new seeds lies where that of old ones lets expect it.

    t = (mean after - mean before) / (s sqrt(1/n + 1/m)) on n - 1 degrees of freedom, s the standard deviation of the n
    old seeds: the prediction interval of a mean, turned into a p-value. Two-sided.

    Args:
        before: One value per old seed, shape [n].
        after: One value per new seed, shape [m], m >= 1.

    Returns:
        The p-value; 1 where both are the same, 0 where old seeds do not scatter and the new ones differ; None if there
        is one old seed only and the new ones are not equal to it: then nothing can be said.

    Raises:
        InputError: If a list is empty or holds a value that is not finite.

    Example:
        >>> seeds_p_value([0.90, 0.91, 0.92], [0.91])
        1.0
    """
    before, after = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if not (before.size and after.size and np.isfinite(before).all() and np.isfinite(after).all()):
        raise InputError(f"seeds: expected two lists of finite values, got {before.tolist()} and {after.tolist()}")
    difference = abs(float(after.mean() - before.mean()))
    if np.isin(after, before).all() or difference == 0:
        return 1.0
    if before.size < 2:
        return None
    scatter = float(before.std(ddof=1)) * (1 / before.size + 1 / after.size) ** 0.5
    return 2 * t_tail(before.size - 1, difference / scatter) if scatter > 0 else 0.0
