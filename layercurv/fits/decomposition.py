"""The exact additive decomposition of alpha.

log h = log lambda_d + log lambda_A + log rho_d + log rho_A + log chi + log L holds term by term, L the constant
number of positions. A least-squares slope is linear in its left side, so alpha is the sum of the five slopes.

Differs from the paper: P1 prints the chi term with a minus sign; the identity above has a plus.
"""

import numpy as np

from layercurv.fits.power_law import fit_power_laws
from layercurv.fits.spectral_exponents import usable_directions

TERMS = ("lambda_d", "lambda_A", "rho_d", "rho_A", "chi")


def alignment_terms(curvatures, factor_d, factor_A, n_positions: int) -> dict[str, np.ndarray]:
    """Split h_k into the five factors of the decomposition.

    Args:
        curvatures: h_k, shape [K].
        factor_d: `{"eigenvalues": lambda_k(C_d), "rayleigh": u_k^T C_d u_k}`, each shape [K].
        factor_A: The same for C_A and v_k.
        n_positions: L, how many positions of one sample the weight is applied at.

    Returns:
        For each name in `TERMS` its values, shape [K]; their product times L is h_k.
    """
    h = np.asarray(curvatures, dtype=np.float64)
    lambda_d, rayleigh_d = (np.asarray(factor_d[key], dtype=np.float64) for key in ("eigenvalues", "rayleigh"))
    lambda_A, rayleigh_A = (np.asarray(factor_A[key], dtype=np.float64) for key in ("eigenvalues", "rayleigh"))
    # Zero over zero where a unit is dead; a fit refuses such a direction if it would enter one.
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "lambda_d": lambda_d,
            "lambda_A": lambda_A,
            "rho_d": rayleigh_d / lambda_d,
            "rho_A": rayleigh_A / lambda_A,
            "chi": h / (n_positions * rayleigh_d * rayleigh_A),
        }


def decomposition_slopes(singular_values, terms: dict[str, np.ndarray], keep) -> dict[str, float]:
    """Fit the log-log slope of each term against sigma on the directions that enter alpha.

    Args:
        singular_values: sigma_k, shape [K].
        terms: The five factors, each of shape [K], positive on `keep`.
        keep: Boolean mask, shape [K].

    Returns:
        One slope per name in `TERMS`; their sum is alpha to rounding.
    """
    return _slopes([(singular_values, terms, keep)])[0]


def decomposition_slopes_of(layers: list[tuple]) -> list[dict[str, float]]:
    """Split alpha of many layers at once.

    Args:
        layers: For each layer sigma, h, whether a direction is null, eigenvalues and Rayleigh quotients of C_d, those
            of C_A, and the number of positions, as `usable_directions` and `alignment_terms` take them.

    Returns:
        For each layer what `decomposition_slopes` gives on its usable directions, to the last bit.
    """
    split = []
    for sigma, h, is_null, *factors, n_positions in layers:
        factor_d, factor_A = ({"eigenvalues": found[0], "rayleigh": found[1]} for found in factors)
        terms = alignment_terms(h, factor_d, factor_A, n_positions)
        split.append((sigma, terms, usable_directions(sigma, h, is_null)))
    return _slopes(split)


def _slopes(layers: list[tuple]) -> list[dict[str, float]]:
    pairs = []
    for singular_values, terms, keep in layers:
        sigma = np.asarray(singular_values, dtype=np.float64)[keep]
        pairs += [(sigma, np.asarray(terms[name])[keep]) for name in TERMS]
    slopes = iter([fit.slope for fit in fit_power_laws(pairs)])
    return [dict(zip(TERMS, slopes, strict=False)) for _ in layers]
