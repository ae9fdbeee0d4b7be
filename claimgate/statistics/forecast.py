"""How well predictions made beforehand meet what was measured."""

import math

import numpy as np

from claimgate.errors import InputError


def forecast_errors(measured, draws) -> np.ndarray:
    """Subtract what was measured from what was predicted, the mean over draws.

    Args:
        measured: Shape [n].
        draws: For each item the draws of its prediction, lists of any length.

    Returns:
        Shape [n].

    Raises:
        InputError: If the lengths differ, or an item has no draw.
    """
    if len(measured) != len(draws) or not all(len(item) for item in draws):
        raise InputError(f"forecast: expected draws for each of {len(measured)} items, got {len(draws)} lists")
    return np.array([np.mean(item) for item in draws]) - np.asarray(measured, dtype=np.float64)


def forecast_coverage(measured, draws) -> float:
    """Count how often the central 95 % of the draws hold what was measured.

    Args:
        measured: Shape [n].
        draws: For each item the draws of its prediction.

    Returns:
        A share; 0.95 is expected where a measurement is one more draw.
    """
    forecast_errors(measured, draws)
    ends = [np.percentile(item, [2.5, 97.5]) for item in draws]
    return float(np.mean([low <= value <= high for value, (low, high) in zip(measured, ends, strict=True)]))


def forecast_correlation(measured, draws) -> float:
    """Correlate measurements with means over draws, by Pearson.

    Args:
        measured: Shape [n].
        draws: For each item the draws of its prediction.

    Returns:
        From -1 to 1.

    Raises:
        InputError: If either does not vary.
    """
    predicted = forecast_errors(measured, draws) + np.asarray(measured, dtype=np.float64)
    x, y = predicted - predicted.mean(), np.asarray(measured, dtype=np.float64) - np.mean(measured)
    scale = math.sqrt(math.fsum(x * x) * math.fsum(y * y))
    if not scale > 0:
        raise InputError("forecast: expected predictions and measurements that vary, got a constant list")
    return math.fsum(x * y) / scale


def forecast_skill(measured, draws) -> float:
    """Compare the squared errors with those of the measurements' own mean.

    Args:
        measured: Shape [n], not all equal.
        draws: For each item the draws of its prediction.

    Returns:
        R^2 of prediction: 1 - sum of squared errors / sum of squared deviations from the mean; negative where the
        mean, known afterwards, does better.
    """
    measured = np.asarray(measured, dtype=np.float64)
    errors = forecast_errors(measured, draws)
    return float(1 - (errors**2).sum() / ((measured - measured.mean()) ** 2).sum())
