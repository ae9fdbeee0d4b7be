"""alpha along the spectrum: one fit per quarter of the directions."""

import numpy as np

from layercurv.fits.power_law import fit_power_law
from layercurv.fits.spectral_exponents import usable_directions


def alpha_by_quartile(singular_values, curvatures, keep) -> list[dict | None]:
    """Fit alpha on four consecutive quarters of the usable directions, from the largest sigma down.

    The slope within a quarter rests on a short range of sigma, so its interval is wide. If the count is no multiple of
    four, the first quarters take one direction more.

    Args:
        singular_values: sigma_k, shape [K], descending.
        curvatures: h_k, shape [K].
        keep: Directions that enter the fits, boolean, shape [K]; those with sigma <= 0 or h <= 0 are left out as well.

    Returns:
        Four entries: the fit of log h on log sigma as a dictionary with `first_k` and `last_k` (from 1) beside it, or
        None for a quarter of fewer than three directions.

    Raises:
        InputError: If shapes differ, a value is not finite, or sigma is constant on a quarter.
    """
    used = usable_directions(singular_values, curvatures, ~np.asarray(keep, dtype=bool))
    sigma, h = (np.asarray(values, dtype=np.float64) for values in (singular_values, curvatures))
    return [_fit(sigma, h, quarter) for quarter in np.array_split(np.flatnonzero(used), 4)]


def _fit(sigma: np.ndarray, h: np.ndarray, quarter: np.ndarray) -> dict | None:
    if quarter.size < 3:
        return None
    fit = fit_power_law(sigma[quarter], h[quarter]).as_dict()
    return fit | {"first_k": int(quarter[0]) + 1, "last_k": int(quarter[-1]) + 1}
