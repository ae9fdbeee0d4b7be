"""How much of one list another explains: R^2 of a straight line."""

import numpy as np

from claimgate.statistics.reproducible import deviations, inner
from layercurv.errors import InputError


def r_squared(x, y) -> float | None:
    """Return the R^2 of the least-squares line of y on x, which is the squared Pearson correlation.

    Args:
        x: Finite values, shape [n], n >= 3.
        y: Finite values, shape [n].

    Returns:
        0 to 1; None if x or y is constant, where there is none.

    Raises:
        InputError: If the shapes differ, n < 3, or a value is not finite.

    Example:
        >>> r_squared([1.0, 2.0, 3.0], [5.0, 7.0, 9.0])
        1.0
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size < 3 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(f"R^2: expected two finite vectors of one length >= 3, got shapes {x.shape} and {y.shape}")
    dx, dy = deviations(x), deviations(y)
    scale = inner(dx, dx) * inner(dy, dy)
    return inner(dx, dy) ** 2 / scale if scale > 0 else None
