"""alpha, gamma and s of one layer from its singular values and curvatures.

Differs from the paper: numerically null directions and directions with h <= 0 are dropped from all three fits
alike; P1 keeps null directions in gamma but not in alpha and s.
"""

import numpy as np

from layercurv.errors import InputError
from layercurv.fits.power_law import fit_power_law


def usable_directions(singular_values, curvatures, is_null) -> np.ndarray:
    """Mark the directions that enter the fits.

    Args:
        singular_values: sigma_k, shape [K].
        curvatures: h_k, shape [K].
        is_null: True where sigma_k is rounding noise, shape [K].

    Returns:
        Boolean mask, shape [K]: not null, sigma > 0 and h > 0.

    Raises:
        InputError: If the three lists differ in length, or a value is NaN or infinite: a measurement that failed is
            not a direction to be dropped.
    """
    sigma, h = np.asarray(singular_values, dtype=np.float64), np.asarray(curvatures, dtype=np.float64)
    null = np.asarray(is_null, dtype=bool)
    if not sigma.shape == h.shape == null.shape:
        raise InputError(f"expected three lists of one length, got {sigma.shape}, {h.shape}, {null.shape}")
    for name, values in (("singular value", sigma), ("curvature", h)):
        if not np.isfinite(values).all():
            raise InputError(
                f"expected finite values, got {name} {np.flatnonzero(~np.isfinite(values))[0] + 1} not finite"
            )
    return ~null & (sigma > 0) & (h > 0)


def fit_spectral_exponents(singular_values, curvatures, is_null) -> dict:
    """Fit the three exponents on the same directions.

    alpha is the slope of log h on log sigma; gamma minus the slope of log sigma on log k; s minus the slope of
    log h on log rank, h sorted in descending order (P1's convention), and `s_unsorted` the same without sorting.
    k keeps its original index, so a dropped direction leaves a gap and does not shift those behind it.

    Args:
        singular_values: sigma_k, shape [K], descending.
        curvatures: h_k, shape [K].
        is_null: True where sigma_k is rounding noise, shape [K].

    Returns:
        For each of `alpha`, `gamma`, `s`, `s_unsorted` a fit as a dictionary; the decays carry the sign of the
        paper (positive for a falling spectrum). Beside them the counts `n_valid`, `n_null`, `n_negative` and
        `transfer_relative_error` = |alpha*gamma - s| / |s|.
    """
    sigma_used, h_used, k = _used(singular_values, curvatures, is_null)
    h, null = np.asarray(curvatures, dtype=np.float64), np.asarray(is_null, dtype=bool)
    alpha = fit_alpha(singular_values, curvatures, is_null)
    gamma, s = _decay(k, sigma_used), _sorted_decay(h_used)
    return {
        "alpha": alpha,
        "gamma": gamma,
        "s": s,
        "s_unsorted": _decay(k, h_used),
        "n_valid": k.size,
        "n_null": int(null.sum()),
        "n_negative": int(np.sum(~null & (h <= 0))),
        "transfer_relative_error": abs(alpha["slope"] * gamma["slope"] - s["slope"]) / abs(s["slope"]),
    }


def fit_alpha(singular_values, curvatures, is_null) -> dict:
    """Fit alpha alone, where nothing else is asked for.

    Args:
        singular_values: sigma_k, shape [K], descending.
        curvatures: h_k, shape [K].
        is_null: True where sigma_k is rounding noise, shape [K].

    Returns:
        `alpha` of `fit_spectral_exponents`.
    """
    sigma_used, h_used, _ = _used(singular_values, curvatures, is_null)
    return fit_power_law(sigma_used, h_used).as_dict()


def _used(singular_values, curvatures, is_null) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sigma, h = np.asarray(singular_values, dtype=np.float64), np.asarray(curvatures, dtype=np.float64)
    keep = usable_directions(sigma, h, is_null)
    return sigma[keep], h[keep], np.flatnonzero(keep) + 1.0


def _sorted_decay(h_used: np.ndarray) -> dict:
    return _decay(np.arange(1.0, h_used.size + 1), np.sort(h_used)[::-1])


def _decay(index, values) -> dict:
    # values = c * index**(-decay); slope and interval are those of `decay`
    fit = fit_power_law(index, values).as_dict()
    low, high = fit["ci95_low"], fit["ci95_high"]
    return fit | {"slope": -fit["slope"], "ci95_low": -high, "ci95_high": -low}
