"""alpha as two plus an information term minus a selection term, and what nulls predict for it.

With sigma_k the singular values of a gradient averaged over B samples, h_k the curvature and M_k the second moment of
the per-sample gradients along the same directions, c_k = B sigma_k^2 / M_k:

    alpha = 2 + slope(log h/M) - slope(log c)

exactly, slopes on log sigma over the same k. The first slope vanishes where curvature follows the second moment (the
second Bartlett identity, in expectation, for labels drawn from the network). The second is selection: how much larger
sigma_k^2 is than it would be along a direction that these samples did not choose.
"""

import numpy as np

from claimgate.statistics.reproducible import log
from layercurv.fits.power_law import PowerLawFit, fit_power_laws
from layercurv.fits.spectral_exponents import usable_directions


def selection_terms(singular_values, curvatures, second_moments, is_null, n_samples: int) -> dict:
    """Split alpha into its terms.

    Args:
        singular_values: sigma_k, shape [K].
        curvatures: h_k, shape [K].
        second_moments: M_k, shape [K].
        is_null: True where sigma_k is rounding noise, shape [K].
        n_samples: B.

    Returns:
        `alpha`, `information` = slope(log h/M), `selection` = slope(log c), with alpha = 2 + information - selection to
        rounding, and `n`, the directions used.
    """
    return selection_terms_of([(singular_values, curvatures, second_moments, is_null)], n_samples)[0]


def selection_terms_of(layers: list[tuple], n_samples: int) -> list[dict]:
    """Split alpha of many layers at once.

    Args:
        layers: For each layer the first four arguments of `selection_terms`.
        n_samples: B.

    Returns:
        For each layer what `selection_terms` gives, to the last bit.
    """
    pairs = []
    for singular_values, curvatures, second_moments, is_null in layers:
        sigma, h, M = (np.asarray(x, dtype=np.float64) for x in (singular_values, curvatures, second_moments))
        keep = usable_directions(sigma, h, is_null) & (M > 0)
        sigma, h, M = sigma[keep], h[keep], M[keep]
        pairs += [(sigma, h), (sigma, h / M), (sigma, n_samples * sigma**2 / M)]
    fits = iter(fit_power_laws(pairs))
    return [_terms(*three) for three in zip(fits, fits, fits, strict=True)]


def _terms(alpha: PowerLawFit, information: PowerLawFit, selection: PowerLawFit) -> dict:
    return {"alpha": alpha.slope, "information": information.slope, "selection": selection.slope, "n": alpha.n}


def unselected_exponent(curvatures, second_moments, is_null) -> dict:
    """Fit the exponent of h on M^(1/2), both from samples that did not choose the directions.

    Args:
        curvatures: h_k, shape [K].
        second_moments: M_k, shape [K].
        is_null: True where sigma_k was rounding noise, shape [K].

    Returns:
        The fit as a dictionary; its slope is 2 where curvature is proportional to the second moment.
    """
    return unselected_exponent_of([(curvatures, second_moments, is_null)])[0]


def unselected_exponent_of(layers: list[tuple]) -> list[dict]:
    """Fit the exponent of many layers at once.

    Args:
        layers: For each layer the three arguments of `unselected_exponent`.

    Returns:
        For each layer what `unselected_exponent` gives, to the last bit.
    """
    pairs = []
    for curvatures, second_moments, is_null in layers:
        h, M = np.asarray(curvatures, dtype=np.float64), np.asarray(second_moments, dtype=np.float64)
        keep = usable_directions(M, h, is_null)
        pairs.append((np.sqrt(M[keep]), h[keep]))
    return [fit.as_dict() for fit in fit_power_laws(pairs)]


def null_exponents(singular_values, curvatures, second_moments, is_null, n_samples: int) -> dict:
    """Fit alpha to every draw of a null gradient, and average its spectra.

    Args:
        singular_values: Of R draws, shape [R, K].
        curvatures: Along each draw's own directions, shape [R, K].
        second_moments: Likewise.
        is_null: True where a singular value is rounding noise, shape [R, K].
        n_samples: B.

    Returns:
        `alphas` [R]; `k`, from 1, the directions usable in every draw; and over draws, at these k, the means
        `mean_log_singular_values`, `mean_log_curvatures` and `mean_log_selection` of log sigma, log h and log c.
    """
    draws = [np.asarray(values, dtype=np.float64) for values in (singular_values, curvatures, second_moments)]
    null = np.asarray(is_null, dtype=bool)
    fits = selection_terms_of(list(zip(*draws, null, strict=True)), n_samples)
    used = np.all([usable_directions(s, h, e) & (m > 0) for s, h, m, e in zip(*draws, null, strict=True)], axis=0)
    sigma, h, M = (values[:, used] for values in draws)
    return {
        "alphas": [fit["alpha"] for fit in fits],
        "k": (np.flatnonzero(used) + 1).tolist(),
        "mean_log_singular_values": log(sigma).mean(0).tolist(),
        "mean_log_curvatures": log(h).mean(0).tolist(),
        "mean_log_selection": log(n_samples * sigma**2 / M).mean(0).tolist(),
    }
