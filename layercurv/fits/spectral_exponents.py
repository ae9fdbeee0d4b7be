"""alpha, gamma and s of one layer from its singular values and curvatures.

Differs from the paper: numerically null directions and directions with h <= 0 are dropped from all three fits
alike; P1 keeps null directions in gamma but not in alpha and s.
"""

import numpy as np

from claimgate.statistics.reproducible import log
from layercurv.errors import InputError
from layercurv.fits.power_law import PowerLawFit, fit_lines
from layercurv.fits.segments import Segments


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
    return _is_usable(sigma, h, null)


def _is_usable(sigma: np.ndarray, h: np.ndarray, null: np.ndarray) -> np.ndarray:
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
    return fit_spectral_exponents_of([(singular_values, curvatures, is_null)])[0]


def fit_spectral_exponents_of(layers: list[tuple]) -> list[dict]:
    """Fit the exponents of many layers at once.

    Args:
        layers: For each layer the three arguments of `fit_spectral_exponents`.

    Returns:
        For each layer what `fit_spectral_exponents` gives, to the last bit.

    Raises:
        InputError: If `fit_spectral_exponents` would refuse one of them.
    """
    used = _Used(layers)
    gammas = fit_lines(used.segments, used.log_k, used.log_sigma)
    s = fit_lines(used.segments, log(used.segments.ranks()), used.sorted_log_h())
    s_unsorted = fit_lines(used.segments, used.log_k, used.log_h)
    alphas = fit_lines(used.segments, used.log_sigma, used.log_h)
    fits = zip(alphas, gammas, s, s_unsorted, used.n_null, used.n_negative, strict=True)
    return [_exponents(*fits_and_counts) for fits_and_counts in fits]


def fit_alpha(singular_values, curvatures, is_null) -> dict:
    """Fit alpha alone, where nothing else is asked for.

    Args:
        singular_values: sigma_k, shape [K], descending.
        curvatures: h_k, shape [K].
        is_null: True where sigma_k is rounding noise, shape [K].

    Returns:
        `alpha` of `fit_spectral_exponents`.
    """
    return fit_alpha_of([(singular_values, curvatures, is_null)])[0]


def fit_alpha_of(layers: list[tuple]) -> list[dict]:
    """Fit alpha of many layers at once.

    Args:
        layers: For each layer the three arguments of `fit_alpha`.

    Returns:
        For each layer what `fit_alpha` gives, to the last bit.

    Raises:
        InputError: If `fit_alpha` would refuse one of them.
    """
    used = _Used(layers)
    return [fit.as_dict() for fit in fit_lines(used.segments, used.log_sigma, used.log_h)]


DTYPES = (np.float64, np.float64, bool)  # of sigma, h, and whether a direction is null


class _Used:
    """The usable directions of many layers, laid end to end."""

    def __init__(self, layers: list[tuple]):
        lists = zip(*layers, strict=True)
        arrays = [[np.asarray(x, dtype) for x in of_layers] for of_layers, dtype in zip(lists, DTYPES, strict=True)]
        sigma, h, null = map(np.concatenate, arrays)
        whole, *others = ([x.size for x in of_layers] for of_layers in arrays)
        if others != [whole, whole] or not (np.isfinite(sigma).all() and np.isfinite(h).all()):
            for layer in layers:
                usable_directions(*layer)  # says what is wrong
        whole, keep = Segments(whole), _is_usable(sigma, h, null)
        self.n_null, self.n_negative = (whole.counts(mask).tolist() for mask in (null, ~null & (h <= 0)))
        self.segments = Segments(whole.counts(keep))
        self.log_k, self.log_sigma, self.log_h = log(np.stack([whole.ranks()[keep], sigma[keep], h[keep]]))

    def sorted_log_h(self) -> np.ndarray:
        # descending within each layer
        layer = self.segments.spread(np.arange(len(self.segments)))
        return self.log_h[np.lexsort([-self.log_h, layer])]


def _exponents(
    alpha: PowerLawFit, gamma: PowerLawFit, s: PowerLawFit, s_unsorted: PowerLawFit, n_null: int, n_negative: int
) -> dict:
    return {
        "alpha": alpha.as_dict(),
        "gamma": _decay(gamma),
        "s": _decay(s),
        "s_unsorted": _decay(s_unsorted),
        "n_valid": alpha.n,
        "n_null": n_null,
        "n_negative": n_negative,
        "transfer_relative_error": abs(alpha.slope * -gamma.slope + s.slope) / abs(s.slope),
    }


def _decay(fit: PowerLawFit) -> dict:
    # y = c * x**(-decay); slope and interval are those of `decay`
    return fit.as_dict() | {"slope": -fit.slope, "ci95_low": -fit.ci95_high, "ci95_high": -fit.ci95_low}
