"""The transfer relation s = alpha*gamma of one layer: its error, how large that can be, and an error that can fail.

For unsorted curvatures the relation is close to automatic: `transfer_bound` holds for any numbers whatever.
"""

import numpy as np

from layercurv.errors import InputError
from layercurv.fits.spectral_exponents import fit_spectral_exponents_of, usable_directions


def transfer_bound(r2_gamma: float, r2_alpha: float, r2_s: float) -> float | None:
    """Bound |alpha*gamma - s| / |s| of unsorted curvatures by sqrt((1 - R2_gamma)(1 - R2_alpha) / R2_s).

    Proof. Let x = log k, y = log sigma, z = log h; f and e the residuals of x on y and of z on y, orthogonal to y.
    Then var(x) (alpha*gamma - s) = cov(x, z) - alpha cov(x, y) = cov(x, e) = cov(f, e), and by Cauchy-Schwarz
    cov(f, e)^2 <= (1 - R2_gamma) var(x) (1 - R2_alpha) var(z), while (var(x) s)^2 = cov(x, z)^2 = R2_s var(x) var(z).

    Args:
        r2_gamma: R2 of log sigma on log k.
        r2_alpha: R2 of log h on log sigma, same directions.
        r2_s: R2 of log h on log k, not sorted, same directions.

    Returns:
        The bound, or None if R2_s = 0, where there is none.

    Raises:
        InputError: If a value is not between 0 and 1.

    Example:
        >>> transfer_bound(0.75, 0.75, 0.25)
        0.5
    """
    rounding = 1e-9
    values = np.array([r2_gamma, r2_alpha, r2_s], dtype=np.float64)
    if not ((values >= -rounding) & (values <= 1 + rounding)).all():
        raise InputError(f"transfer bound: expected three R2 between 0 and 1, got {values.tolist()}")
    gamma, alpha, s = np.clip(values, 0, 1)
    return float(np.sqrt((1 - gamma) * (1 - alpha) / s)) if s > 0 else None


def transfer_errors(singular_values, curvatures, keep) -> dict:
    """Measure |alpha*gamma - s| / |s| with s of the sorted and of the unsorted curvatures.

    Sorting (the paper's way) moves log h off its direction, so the bound speaks of the unsorted error only.

    Args:
        singular_values: sigma_k, shape [K].
        curvatures: h_k, shape [K].
        keep: Directions that enter the fits, boolean, shape [K]; those with sigma <= 0 or h <= 0 are left out as well.

    Returns:
        `sorted` and `unsorted` relative errors, `bound` of the unsorted one, `r2_gamma`, `r2_alpha`, `r2_s_sorted`,
        `r2_s_unsorted` and `n`.

    Raises:
        InputError: If fewer than three directions are left, shapes differ, or all curvatures are equal (s = 0).
    """
    return transfer_errors_of([(singular_values, curvatures, keep)])[0]


def transfer_errors_of(layers: list[tuple]) -> list[dict]:
    """Measure the errors of many layers at once.

    Args:
        layers: For each layer the three arguments of `transfer_errors`.

    Returns:
        For each what `transfer_errors` gives, to the last bit.

    Raises:
        InputError: If `transfer_errors` would refuse one of them.
    """
    return [_errors(fits) for fits in _exponents(layers)]


def _errors(fits: dict) -> dict:
    product, s = fits["alpha"]["slope"] * fits["gamma"]["slope"], fits["s_unsorted"]["slope"]
    r2 = {name: fits[name]["r2"] for name in ("gamma", "alpha", "s", "s_unsorted")}
    return {
        "sorted": fits["transfer_relative_error"],
        "unsorted": abs(product - s) / abs(s),
        "bound": transfer_bound(r2["gamma"], r2["alpha"], r2["s_unsorted"]),
        "r2_gamma": r2["gamma"],
        "r2_alpha": r2["alpha"],
        "r2_s_sorted": r2["s"],
        "r2_s_unsorted": r2["s_unsorted"],
        "n": fits["n_valid"],
    }


def held_out_error(sigma_a, h_a, keep_a, h_b, keep_b) -> dict:
    """Predict s of one half of the samples by alpha*gamma of the other half.

    Unlike the error within one set of numbers, this one can be large: nothing but the network ties the halves.

    Args:
        sigma_a: sigma_k of half a, shape [K].
        h_a: h_k of half a, shape [K].
        keep_a: Directions of half a that enter alpha and gamma, boolean, shape [K].
        h_b: h_k of half b, shape [K'].
        keep_b: Directions of half b that enter s, boolean, shape [K'].

    Returns:
        `alpha`, `gamma` (half a), `s_sorted`, `s_unsorted` (half b), the relative errors `sorted` and `unsorted`,
        and the counts `n_a`, `n_b`.

    Raises:
        InputError: If a half leaves fewer than three directions, shapes differ, or all curvatures of one are equal.
    """
    return held_out_error_of([(sigma_a, h_a, keep_a, h_b, keep_b)])[0]


def held_out_error_of(layers: list[tuple]) -> list[dict]:
    """Predict s of one half from the other for many layers at once.

    Args:
        layers: For each layer the five arguments of `held_out_error`.

    Returns:
        For each what `held_out_error` gives, to the last bit.

    Raises:
        InputError: If `held_out_error` would refuse one of them.
    """
    halves_a = [(sigma, h, keep) for sigma, h, keep, _, _ in layers]
    halves_b = [(h, h, keep) for _, _, _, h, keep in layers]  # s needs no sigma
    fits = _exponents(halves_a + halves_b)
    return [_held_out(*halves) for halves in zip(fits[: len(layers)], fits[len(layers) :], strict=True)]


def _held_out(fits_a: dict, fits_b: dict) -> dict:
    alpha, gamma = fits_a["alpha"]["slope"], fits_a["gamma"]["slope"]
    s_sorted, s_unsorted = fits_b["s"]["slope"], fits_b["s_unsorted"]["slope"]
    return {
        "alpha": alpha,
        "gamma": gamma,
        "s_sorted": s_sorted,
        "s_unsorted": s_unsorted,
        "sorted": abs(alpha * gamma - s_sorted) / abs(s_sorted),
        "unsorted": abs(alpha * gamma - s_unsorted) / abs(s_unsorted),
        "n_a": fits_a["n_valid"],
        "n_b": fits_b["n_valid"],
    }


def _exponents(layers: list[tuple]) -> list[dict]:
    dropped = [(sigma, h, ~np.asarray(keep, dtype=bool)) for sigma, h, keep in layers]
    for lists in dropped:
        _refuse_equal(np.asarray(lists[1], dtype=np.float64)[usable_directions(*lists)])
    return fit_spectral_exponents_of(dropped)


def _refuse_equal(h: np.ndarray) -> None:
    if h.size >= 3 and np.ptp(h) == 0:
        raise InputError(
            f"transfer relation: expected curvatures that differ, got {h.size} equal ones; with s = 0 the relative "
            "error is undefined"
        )
