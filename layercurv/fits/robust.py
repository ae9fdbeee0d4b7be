"""Log-log slopes that a few points cannot carry away."""

import numpy as np

from layercurv.fits.power_law import fit_power_law


def robust_slope(x, y) -> dict:
    """Fit the Theil-Sen and the Siegel slope of log y on log x, beside least squares.

    Theil-Sen is the median of the slopes of all pairs of points and survives up to 29 % of bad points; Siegel's
    repeated median takes a median per point first and survives 50 %. The interval is Theil-Sen's and, like that of
    least squares, treats residuals as independent.

    Args:
        x: Positive values, shape [n], n >= 3.
        y: Positive values, shape [n].

    Returns:
        `slope`, `ci95_low`, `ci95_high` (Theil-Sen), `siegel_slope`, `least_squares_slope` and `n`.

    Raises:
        InputError: As `fit_power_law`.

    Source: Sen (1968), Estimates of the regression coefficient based on Kendall's tau; Siegel (1982), Robust regression
    using repeated medians.

    Example:
        >>> round(robust_slope([1.0, 2.0, 4.0, 8.0], [3.0, 12.0, 48.0, 192.0])["slope"], 12)
        2.0
    """
    least_squares = fit_power_law(x, y)  # first, for it refuses what cannot be fitted
    # Imported here: scipy.stats takes 0.4 s, and verifying claims imports this package without needing it.
    from scipy import stats

    log_x, log_y = np.log(x), np.log(y)
    theil_sen = stats.theilslopes(log_y, log_x, alpha=0.95)
    return {
        "slope": float(theil_sen.slope),
        "ci95_low": float(theil_sen.low_slope),
        "ci95_high": float(theil_sen.high_slope),
        "siegel_slope": float(stats.siegelslopes(log_y, log_x).slope),
        "least_squares_slope": least_squares.slope,
        "n": least_squares.n,
    }
