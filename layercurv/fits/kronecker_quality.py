"""How far two Kronecker factors miss a layer's curvature and its gradient's spectrum; zero is no miss."""

import math

import numpy as np

from layercurv.fits.reproducible import deviations, inner, log


def concentration_slack(concentration, is_null) -> float:
    """Measure how far from independent input and output gradient are along the directions of one layer.

    Args:
        concentration: E[(u.d)^2 (v.a)^2] / (E[(u.d)^2] E[(v.a)^2]) per direction, shape [K]; 1 if independent.
        is_null: Whether a direction is null and left out, shape [K].

    Returns:
        |median - 1|, the "slack" of the source paper's file.
    """
    used = ~np.asarray(is_null, dtype=bool)
    return float(abs(np.median(np.asarray(concentration, dtype=np.float64)[used]) - 1))


def log_mismatch(singular_values, mean_log) -> float:
    """Measure how far noise between the factors misses the gradient's singular values, scale included.

    Args:
        singular_values: Measured, at least as many as predicted; the first are used.
        mean_log: Predicted mean logarithms, shape [K].

    Returns:
        Root mean square over k of ln(measured / predicted).
    """
    return float(np.sqrt(np.mean(_log_ratios(singular_values, mean_log) ** 2)))


def shape_mismatch(singular_values, mean_log) -> float:
    """Measure the same with the scale fitted away.

    Args:
        singular_values: As in `log_mismatch`.
        mean_log: As in `log_mismatch`.

    Returns:
        Standard deviation over k of ln(measured / predicted).
    """
    return float(np.std(_log_ratios(singular_values, mean_log)))


def log_correlation(singular_values, mean_log) -> float:
    """Correlate measured and predicted singular values, both on a log scale.

    Args:
        singular_values: As in `log_mismatch`.
        mean_log: As in `log_mismatch`.

    Returns:
        Pearson's r over k.
    """
    predicted = np.asarray(mean_log, dtype=np.float64)
    dx, dy = deviations(log(singular_values[: predicted.size])), deviations(predicted)
    return inner(dx, dy) / math.sqrt(inner(dx, dx) * inner(dy, dy))


def _log_ratios(singular_values, mean_log) -> np.ndarray:
    mean_log = np.asarray(mean_log, dtype=np.float64)
    return log(singular_values[: mean_log.size]) - mean_log
