"""alpha by other fits of the same points: without the largest direction, and robustly."""

import numpy as np

from layercurv.fits.power_law import fit_power_law
from layercurv.fits.robust import robust_slope
from layercurv.fits.spectral_exponents import usable_directions


def alpha_without_first(singular_values, curvatures, is_null) -> dict:
    """Fit alpha without k = 1, which alone can make the slope where sigma_1 stands apart.

    Args:
        singular_values: sigma_k, shape [K], descending.
        curvatures: h_k, shape [K].
        is_null: True where sigma_k is rounding noise, shape [K].

    Returns:
        The fit as a dictionary.
    """
    keep = usable_directions(singular_values, curvatures, is_null)
    keep[:1] = False
    return fit_power_law(np.asarray(singular_values)[keep], np.asarray(curvatures)[keep]).as_dict()


def robust_alpha(singular_values, curvatures, is_null) -> dict:
    """Fit alpha by medians of slopes (see `robust_slope`).

    Args:
        singular_values: sigma_k, shape [K], descending.
        curvatures: h_k, shape [K].
        is_null: True where sigma_k is rounding noise, shape [K].

    Returns:
        As `robust_slope`.
    """
    keep = usable_directions(singular_values, curvatures, is_null)
    return robust_slope(np.asarray(singular_values)[keep], np.asarray(curvatures)[keep])
