"""Ordinary least squares of log y on log x."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from layercurv.errors import InputError
from layercurv.fits.reproducible import inner, log, total


@dataclass(frozen=True)
class PowerLawFit:
    """The line log y = intercept + slope * log x.

    The interval is the usual t interval of least squares. It treats residuals as independent; neighbouring
    points of a sorted spectrum are not, so it is a lower bound on the uncertainty there.
    """

    slope: float
    intercept: float
    r2: float  # 1 - RSS/TSS of log y; 1 when log y is constant and met exactly
    standard_error: float  # of the slope
    ci95_low: float
    ci95_high: float
    n: int  # points used

    def as_dict(self) -> dict:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns:
            Field name to value.
        """
        return dict(vars(self))


def fit_power_law(x, y) -> PowerLawFit:
    """Fit y = exp(intercept) * x**slope by ordinary least squares on logarithms, to the same bits on every machine.

    Args:
        x: Positive values, shape [n], n >= 3.
        y: Positive values, shape [n].

    Returns:
        The fit with a 95 % t interval on n - 2 degrees of freedom.

    Raises:
        InputError: If the shapes differ, n < 3, a value is not positive and finite, or x is constant.

    Example:
        >>> round(fit_power_law([1.0, 2.0, 4.0], [3.0, 12.0, 48.0]).slope, 12)
        2.0
    """
    log_x, log_y = _logarithms(x, y)
    n = log_x.size
    mean_x, mean_y = total(log_x) / n, total(log_y) / n
    dx, dy = log_x - mean_x, log_y - mean_y
    sxx, syy = inner(dx, dx), inner(dy, dy)
    if not sxx > 0:
        raise InputError(f"power law: expected at least two different x values, got {n} equal ones")
    slope = inner(dx, dy) / sxx
    residuals = dy - slope * dx
    rss = inner(residuals, residuals)
    standard_error = math.sqrt(rss / (n - 2) / sxx)
    half_width = float(stdtrit(n - 2, 0.975)) * standard_error
    return PowerLawFit(
        slope=slope,
        intercept=mean_y - slope * mean_x,
        r2=1.0 - rss / syy if syy > 0 else 1.0,
        standard_error=standard_error,
        ci95_low=slope - half_width,
        ci95_high=slope + half_width,
        n=n,
    )


def _logarithms(x, y) -> np.ndarray:
    # [2, n]
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(f"power law: expected two vectors of one length, got shapes {x.shape} and {y.shape}")
    if x.size < 3:
        raise InputError(f"power law: expected at least 3 points, got {x.size}")
    for name, values in (("x", x), ("y", y)):
        if not (values.min() > 0 and values.max() < np.inf):  # NaN fails both
            bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))[0]
            raise InputError(f"power law: expected positive finite values, got {name}[{bad}] = {values[bad]}")
    return log(np.stack([x, y]))
