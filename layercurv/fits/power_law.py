"""Ordinary least squares of log y on log x."""

from dataclasses import dataclass

import numpy as np

from claimgate.statistics.reproducible import log
from claimgate.statistics.student_t import t_quantile
from layercurv.errors import InputError
from layercurv.fits.segments import Segments


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
    return fit_power_laws([(x, y)])[0]


def fit_power_laws(pairs: list[tuple]) -> list[PowerLawFit]:
    """Fit many power laws at once.

    Args:
        pairs: For each the two arguments of `fit_power_law`.

    Returns:
        For each what `fit_power_law` gives, to the last bit.

    Raises:
        InputError: If `fit_power_law` would refuse one of them.
    """
    xs, ys = zip(*(_positive(*pair) for pair in pairs), strict=True)
    return fit_lines(Segments(map(len, xs)), log(np.concatenate(xs)), log(np.concatenate(ys)))


def fit_lines(segments: Segments, log_x: np.ndarray, log_y: np.ndarray) -> list[PowerLawFit]:
    """Fit many lines at once, each as `fit_power_law` would.

    Args:
        segments: Where each line's points lie, shape [s].
        log_x: Finite logarithms, shape [N].
        log_y: Finite logarithms, shape [N].

    Returns:
        One fit per segment.

    Raises:
        InputError: If a segment has fewer than three points, or all its x are equal.
    """
    n = segments.lengths
    if n.min() < 3:
        raise InputError(f"power law: expected at least 3 points, got {n[n < 3][0]}")
    mean_x, mean_y = segments.totals(log_x) / n, segments.totals(log_y) / n
    dx, dy = log_x - segments.spread(mean_x), log_y - segments.spread(mean_y)
    sxx, syy = segments.inner(dx, dx), segments.inner(dy, dy)
    if not sxx.min() > 0:
        raise InputError(f"power law: expected at least two different x values, got {n[sxx == 0][0]} equal ones")
    slope = segments.inner(dx, dy) / sxx
    residuals = dy - segments.spread(slope) * dx
    rss = segments.inner(residuals, residuals)
    r2 = 1.0 - np.divide(rss, syy, out=np.zeros_like(rss), where=syy > 0)
    standard_error = np.sqrt(rss / (n - 2) / sxx)
    half_width = np.array([t_quantile(freedom, 0.975) for freedom in (n - 2).tolist()]) * standard_error
    fields = (slope, mean_y - slope * mean_x, r2, standard_error, slope - half_width, slope + half_width, n)
    return [PowerLawFit(*fit) for fit in zip(*(values.tolist() for values in fields), strict=True)]


def _positive(x, y) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(f"power law: expected two vectors of one length, got shapes {x.shape} and {y.shape}")
    if x.size < 3:
        raise InputError(f"power law: expected at least 3 points, got {x.size}")
    for name, values in (("x", x), ("y", y)):
        if not (values.min() > 0 and values.max() < np.inf):  # NaN fails both
            bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))[0]
            raise InputError(f"power law: expected positive finite values, got {name}[{bad}] = {values[bad]}")
    return x, y
