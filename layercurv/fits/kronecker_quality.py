"""How far two Kronecker factors miss a layer's curvature and its gradient's spectrum; zero is no miss.

Spectra may be stacked: then there is one number for each of them.
"""

import numpy as np

from claimgate.statistics.reproducible import log
from layercurv.errors import InputError
from layercurv.fits.segments import Segments


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


def log_mismatch(singular_values, mean_log) -> float | np.ndarray:
    """Measure how far noise between the factors misses the gradient's singular values, scale included.

    Args:
        singular_values: Measured, positive, shape [..., n], n >= K; the first K are used.
        mean_log: Predicted mean logarithms, shape [..., K].

    Returns:
        Root mean square over k of ln(measured / predicted), shape [...].

    Raises:
        InputError: If a singular value is not positive and finite.
    """
    ratios = np.subtract(*_logarithms(singular_values, mean_log))
    return _plain(np.sqrt(np.mean(ratios * ratios, axis=-1)))


def shape_mismatch(singular_values, mean_log) -> float | np.ndarray:
    """Measure the same with the scale fitted away.

    Args:
        singular_values: As in `log_mismatch`.
        mean_log: As in `log_mismatch`.

    Returns:
        Standard deviation over k of ln(measured / predicted), shape [...].

    Raises:
        InputError: As `log_mismatch`.
    """
    return _plain(np.std(np.subtract(*_logarithms(singular_values, mean_log)), axis=-1))


def log_correlation(singular_values, mean_log) -> float | np.ndarray:
    """Correlate measured and predicted singular values, both on a log scale.

    Args:
        singular_values: As in `log_mismatch`.
        mean_log: As in `log_mismatch`.

    Returns:
        Pearson's r over k, shape [...].

    Raises:
        InputError: As `log_mismatch`.
    """
    measured, predicted = _logarithms(singular_values, mean_log)
    rows = Segments(np.full(measured[..., 0].size, measured.shape[-1]))
    dx, dy = rows.deviations(measured.ravel()), rows.deviations(predicted.ravel())
    r = rows.inner(dx, dy) / np.sqrt(rows.inner(dx, dx) * rows.inner(dy, dy))
    return _plain(r.reshape(measured.shape[:-1]))


def _logarithms(singular_values, mean_log) -> tuple[np.ndarray, np.ndarray]:
    predicted = np.asarray(mean_log, dtype=np.float64)
    measured = np.asarray(singular_values, dtype=np.float64)[..., : predicted.shape[-1]]
    if not (measured.min() > 0 and measured.max() < np.inf):  # NaN fails both
        raise InputError(f"logarithms: expected positive finite singular values, got {measured.min()} among them")
    return log(measured), predicted


def _plain(found: np.ndarray) -> float | np.ndarray:
    return found if np.ndim(found) else float(found)
