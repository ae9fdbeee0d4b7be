"""What may be recomputed from one entry of the paper's files, a layer say (closed list)."""

import re
from collections.abc import Callable
from functools import partial

import numpy as np

from claimgate.checks import NotEvaluable
from layercurv.claims.published.source_fits import (
    STORED_LAWS,
    against_sigma,
    chi,
    concentrations,
    curvature_fit,
    numbers,
    predicted_s,
    rank_fit,
    s,
    smallest_effective_rank,
    stored_winner,
    transfer_error,
    winner,
)
from layercurv.fits import participation_ratio, r_squared, zeta_bound

# A direction whose sigma is below this share of the first is rounding noise of float32.
NULL_SHARE = 1e-6


def _keep(entry: dict, kept) -> dict:
    return {key: numbers(entry, key)[kept] for key in ("sigma", "h_exact")}


def _curvature_r2_of_sigma_squared(entry: dict) -> float:
    value = r_squared(numbers(entry, "sigma") ** 2, numbers(entry, "h_exact"))
    if value is None:
        raise NotEvaluable("R2 of h against sigma^2 is undefined")
    return value


def _kronecker_correlation(entry: dict) -> float:
    h, sigma = numbers(entry, "h_kron_top30"), numbers(entry, "sigma_top30")
    keep = (h > 0) & (sigma > 0)
    return float(np.corrcoef(np.log(h[keep]), np.log(sigma[keep]))[0, 1])


def _zeta_bound(exponent: float) -> float:
    bound = zeta_bound(float(exponent))
    if bound is None:
        raise NotEvaluable(f"no bound at alpha*gamma = {exponent:.4g}")
    return bound


def _zeta_bound_holds(entry: dict) -> float:
    # From raw lists where they are published, else from what is stored.
    if "h_exact" in entry:
        return float(participation_ratio(numbers(entry, "h_exact")) <= _zeta_bound(predicted_s(entry)))
    return float(entry["eff_rank_curvature_pr"] <= _zeta_bound(entry["alpha"] * entry["gamma"]))


def _fitted_transfer_relative_error(entry: dict) -> float:
    # Where neither sigma nor h is published: from the three stored exponents.
    return abs(entry["alpha"] * entry["gamma"] - entry["s_hessian"]) / abs(entry["s_hessian"])


def _transfer_relative_error_without_null(entry: dict) -> float:
    sigma = numbers(entry, "sigma")
    kept = _keep(entry, sigma > NULL_SHARE * sigma[0])
    return transfer_error(kept) / abs(s(kept))


def _n_blocks(entry: dict) -> float:
    return float(re.match(r"block(\d+)\.", entry["name"])[1]) + 1  # "block5.mlp.0" lies in the sixth block


def _weight_tail_reaches_s(entry: dict) -> float:
    # Singular values w_k ~ k^-a: eigenvalues w_k^2 have a density with tail exponent 1 + 1/(2a).
    return float(1 + 1 / (2 * entry["s_weight"]) >= s(entry))


def _wins(law: str, choose: Callable[[dict], str], entry: dict) -> float:
    return float(choose(entry) == law)


def _log10_chi(reduce: Callable, entry: dict) -> float:
    return float(np.log10(reduce(chi(entry))))


def _chi_decade(entry: dict) -> float:
    return float(np.floor(_log10_chi(np.median, entry)))  # 5.0e5 lies in the decade of 10^5


# One entry to one number.
QUANTITIES: dict[str, Callable[[dict], float]] = {
    "alpha": lambda entry: curvature_fit(entry).slope,
    "alpha_r2": lambda entry: curvature_fit(entry).r2,
    "alpha_without_first": lambda entry: curvature_fit(_keep(entry, slice(1, None))).slope,
    "gamma": lambda entry: -rank_fit(entry).slope,
    "gamma_r2": lambda entry: rank_fit(entry).r2,
    "s": s,
    "predicted_s": predicted_s,
    "transfer_error": transfer_error,
    "transfer_relative_error": lambda entry: transfer_error(entry) / abs(s(entry)),
    "transfer_relative_error_without_null": _transfer_relative_error_without_null,
    "fitted_transfer_relative_error": _fitted_transfer_relative_error,
    "curvature_r2_of_sigma_squared": _curvature_r2_of_sigma_squared,
    "alpha_kronecker": lambda entry: against_sigma(entry, numbers(entry, "h_exact") / chi(entry)).slope,
    "chi_slope": lambda entry: against_sigma(entry, chi(entry)).slope,
    "chi_median": lambda entry: float(np.median(chi(entry))),
    "chi_log10_smallest": partial(_log10_chi, np.min),
    "chi_log10_median": partial(_log10_chi, np.median),
    "chi_log10_largest": partial(_log10_chi, np.max),
    "chi_decade": _chi_decade,
    "concentration_mean": lambda entry: float(concentrations(entry).mean()),
    "concentration_median": lambda entry: float(np.median(concentrations(entry))),
    "singular_value_gap": lambda entry: float(numbers(entry, "sigma")[0] / numbers(entry, "sigma")[1]),
    "singular_values_participation": lambda entry: participation_ratio(numbers(entry, "sigma")),
    "curvatures_participation": lambda entry: participation_ratio(numbers(entry, "h_exact")),
    "n_directions": lambda entry: float(numbers(entry, "sigma").size),
    "n_negative": lambda entry: float((numbers(entry, "h_exact") < 0).sum()),
    "n_blocks": _n_blocks,
    "n_weights": lambda entry: float(np.prod(entry["shape"])),
    "kronecker_correlation": _kronecker_correlation,
    "smallest_effective_rank": smallest_effective_rank,
    "zeta_bound": _zeta_bound,  # the entry is the exponent itself
    "zeta_bound_holds": _zeta_bound_holds,
    "weight_decay_reaches_s": lambda entry: float(entry["s_weight"] >= s(entry)),
    "weight_tail_reaches_s": _weight_tail_reaches_s,
    **{f"{law}_wins": partial(_wins, law, winner) for law in STORED_LAWS},
    **{f"stored_{law}_wins": partial(_wins, law, stored_winner) for law in STORED_LAWS},
}
