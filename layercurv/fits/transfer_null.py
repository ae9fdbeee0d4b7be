"""What the error of s = alpha*gamma would be without any relation: two null distributions."""

import numpy as np

from layercurv.errors import InputError
from layercurv.fits.spectral_exponents import fit_spectral_exponents, usable_directions
from layercurv.fits.transfer import transfer_errors


def residual_permutation_null(singular_values, curvatures, keep, n_draws: int = 1000, seed: int = 0) -> dict:
    """Permute the residuals of log h on log sigma, fit again, and collect |alpha*gamma - s| / |s|.

    The permuted layer has the same sigma, the same line and the same scatter; what is lost is which direction
    scatters how. An observed error that is typical of the draws says nothing about the network beyond the two fits.

    Args:
        singular_values: sigma_k, shape [K].
        curvatures: h_k, shape [K].
        keep: Directions that enter the fits, boolean, shape [K].
        n_draws: How many permutations.
        seed: Of the permutations.

    Returns:
        For `sorted` and `unsorted` a dictionary with `observed`, `median`, `ci95_low`, `ci95_high` of the null errors
        and `fraction_at_most_observed`, the share of them that are no larger than the observed one; and `n_draws`.

    Raises:
        InputError: If n_draws < 1, or as in `transfer_errors`.
    """
    if n_draws < 1:
        raise InputError(f"permutation null: expected at least 1 draw, got {n_draws}")
    observed = transfer_errors(singular_values, curvatures, keep)
    x, y, z = _log_directions(singular_values, curvatures, keep)
    line = z.mean() + _slopes(y, z) * (y - y.mean())
    residuals = np.random.default_rng(seed).permuted(np.tile(z - line, (n_draws, 1)), axis=1)
    null = _relative_errors(x, y, line + residuals)
    return {name: _against(null[name], observed[name]) for name in ("sorted", "unsorted")} | {"n_draws": n_draws}


def random_alpha_null(singular_values, curvatures, keep, alphas) -> dict:
    """Replace alpha by that of other layers and collect |alpha'*gamma - s| / |s|.

    Every given alpha is used once: the list is short, and drawing from it would only add scatter.

    Args:
        singular_values: sigma_k, shape [K].
        curvatures: h_k, shape [K].
        keep: Directions that enter the fits, boolean, shape [K].
        alphas: alpha of other layers, shape [J], J >= 1.

    Returns:
        As `residual_permutation_null`, with `n_alphas` for `n_draws`.

    Raises:
        InputError: If there is no alpha or one is not finite, or as in `transfer_errors`.
    """
    others = np.asarray(alphas, dtype=np.float64)
    if others.ndim != 1 or others.size == 0 or not np.isfinite(others).all():
        raise InputError(f"random-alpha null: expected a list of finite alphas, at least one, got {alphas}")
    observed = transfer_errors(singular_values, curvatures, keep)
    fits = fit_spectral_exponents(singular_values, curvatures, ~np.asarray(keep, dtype=bool))
    found = {}
    for name, fit in (("sorted", fits["s"]), ("unsorted", fits["s_unsorted"])):
        null = np.abs(others * fits["gamma"]["slope"] - fit["slope"]) / abs(fit["slope"])
        found[name] = _against(null, observed[name])
    return found | {"n_alphas": int(others.size)}


def _log_directions(singular_values, curvatures, keep) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    used = usable_directions(singular_values, curvatures, ~np.asarray(keep, dtype=bool))
    sigma, h = (np.asarray(values, dtype=np.float64)[used] for values in (singular_values, curvatures))
    return np.log(np.flatnonzero(used) + 1.0), np.log(sigma), np.log(h)


def _slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # [n] and [..., n] -> [...]
    dx = x - x.mean()
    return y @ dx / (dx @ dx)


def _relative_errors(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> dict[str, np.ndarray]:
    # log k [n], log sigma [n], log h [draws, n] -> errors [draws]
    product = -_slopes(y, z) * _slopes(x, y)
    rank = np.log(np.arange(1.0, x.size + 1))
    s = {"sorted": -_slopes(rank, np.sort(z, axis=1)[:, ::-1]), "unsorted": -_slopes(x, z)}
    return {name: np.abs(product - value) / np.abs(value) for name, value in s.items()}


def _against(null: np.ndarray, observed: float) -> dict[str, float]:
    low, middle, high = np.percentile(null, [2.5, 50, 97.5])
    # A draw that repeats the observed order differs from it by rounding only, and counts.
    ties = observed * (1 + 1e-9) + 1e-12
    return {
        "observed": observed,
        "median": float(middle),
        "ci95_low": float(low),
        "ci95_high": float(high),
        "fraction_at_most_observed": float(np.mean(null <= ties)),
    }
