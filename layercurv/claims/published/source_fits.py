"""Fits redone from one entry of the paper's files (a layer, a network).

All by the paper's own protocol: alpha over k with sigma > 0 and h > 0, gamma over all sigma > 0, s over the positive h
sorted. Each function takes an entry and reads its raw lists, so that a stored fit is never trusted.
"""

import numpy as np

from claimgate.checks import NotEvaluable
from layercurv.fits import PowerLawFit, fit_power_law, profile_bic

# Our name of each law, and the two names the paper stores it by.
STORED_LAWS = {
    "power_law": ("power_law", "bic_pl"),
    "exponential": ("exponential", "bic_exp"),
    "log_normal": ("lognormal", "bic_ln"),
}


def numbers(entry: dict, key: str) -> np.ndarray:
    """Read one list.

    Args:
        entry: The entry.
        key: Name of the list.

    Returns:
        Its values, shape [n].

    Raises:
        NotEvaluable: If it is not a list of finite numbers.
    """
    values = np.asarray(entry[key], dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise NotEvaluable(f"{key}: expected a list of finite numbers")
    return values


def against_sigma(entry: dict, y: np.ndarray) -> PowerLawFit:
    """Fit y as a power of sigma, over the directions where both are positive.

    Args:
        entry: With `sigma`.
        y: One value per direction, shape [K].

    Returns:
        The fit.
    """
    sigma = numbers(entry, "sigma")
    keep = (sigma > 0) & (y > 0)
    return fit_power_law(sigma[keep], y[keep])


def curvature_fit(entry: dict) -> PowerLawFit:
    """Fit h as a power of sigma.

    Args:
        entry: With `sigma` and `h_exact`.

    Returns:
        The fit; its slope is alpha.
    """
    return against_sigma(entry, numbers(entry, "h_exact"))


def rank_fit(entry: dict) -> PowerLawFit:
    """Fit sigma as a power of the rank k.

    Args:
        entry: With `sigma`.

    Returns:
        The fit; minus its slope is gamma.
    """
    sigma = numbers(entry, "sigma")
    keep = sigma > 0
    return fit_power_law(np.flatnonzero(keep) + 1.0, sigma[keep])


def s(entry: dict) -> float:
    """Fit the decay of curvature along its own rank.

    Args:
        entry: With `h_exact`.

    Returns:
        s.
    """
    h = numbers(entry, "h_exact")
    h = np.sort(h[h > 0])[::-1]
    return -fit_power_law(np.arange(1.0, h.size + 1), h).slope


def predicted_s(entry: dict) -> float:
    """Multiply alpha and gamma.

    Args:
        entry: With `sigma` and `h_exact`.

    Returns:
        alpha * gamma.
    """
    return -curvature_fit(entry).slope * rank_fit(entry).slope


def transfer_error(entry: dict) -> float:
    """Compare s with its prediction.

    Args:
        entry: With `sigma` and `h_exact`.

    Returns:
        |alpha * gamma - s|.
    """
    return abs(predicted_s(entry) - s(entry))


def chi(entry: dict) -> np.ndarray:
    """Divide curvature by its Kronecker prediction, as the paper scales it.

    Args:
        entry: With `h_exact` and `h_kron`, or `h_kron_naive` where the paper calls it so.

    Returns:
        chi_k, shape [K].
    """
    kron = "h_kron" if "h_kron" in entry else "h_kron_naive"
    return numbers(entry, "h_exact") / numbers(entry, kron)


def concentrations(entry: dict) -> np.ndarray:
    """Divide the mean of products by the product of means.

    Args:
        entry: With `h_sum_of_products` and `h_product_of_sums`.

    Returns:
        One ratio per direction, shape [K].
    """
    return numbers(entry, "h_sum_of_products") / numbers(entry, "h_product_of_sums")


def winner(entry: dict) -> str:
    """Choose the law of sigma by BIC.

    Args:
        entry: With `sigma`; values that are exactly zero are dropped, as in the paper.

    Returns:
        A key of `STORED_LAWS`.
    """
    sigma = numbers(entry, "sigma")
    return profile_bic(sigma[sigma > 0])["winner"]


def stored_winner(bic: dict) -> str:
    """Choose the law with the smallest stored BIC.

    Args:
        bic: Law to BIC, by either of the paper's names.

    Returns:
        A key of `STORED_LAWS`.

    Raises:
        NotEvaluable: If one is NaN or infinite.
    """
    found = {law: next(bic[key] for key in keys if key in bic) for law, keys in STORED_LAWS.items()}
    if not np.isfinite(list(found.values())).all():
        raise NotEvaluable(f"expected finite BIC, got {found}")
    return min(found, key=found.get)


def smallest_effective_rank(entry: dict) -> float:
    """Take the smaller effective rank of the two Kronecker factors.

    Args:
        entry: With `eff_rank_delta` and `eff_rank_A`.

    Returns:
        The rank.
    """
    return float(np.min([entry["eff_rank_delta"], entry["eff_rank_A"]]))  # unlike min(), NaN among them makes NaN
