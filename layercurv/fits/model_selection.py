"""Which law a rank profile follows: power law, exponential or log-normal, by BIC on logarithms."""

from collections import Counter
from statistics import median

import numpy as np

from layercurv.errors import InputError
from layercurv.fits.reproducible import deviations, inner, log

MODELS = ("power_law", "exponential", "log_normal")
CLEAR_MARGIN = 6.0  # "strong" evidence: Kass and Raftery (1995), Bayes factors, section 3.2


def profile_bic(values) -> dict:
    """Compare three laws of a rank profile v_1, ..., v_n.

    BIC = n ln(RSS/n) + p ln n, RSS of least squares on log v against log k (power law, p = 2), k (exponential, p = 2)
    or log k and its square (log-normal, p = 3). The noise variance is common to the three and not counted in p.

    BIC takes residuals to be independent. Those of a sorted spectrum are not, so margins are overstated;
    `lag1_autocorrelation` says by how much neighbours agree (0 if independent). With n = 4 the log-normal keeps one
    degree of freedom and its BIC means little.

    RSS is floored at the rounding of n logarithms, so that a profile that meets two laws exactly goes to the one with
    fewer parameters and no logarithm of zero is taken.

    Args:
        values: v_k > 0 in rank order, shape [n], n >= 4. They are not sorted here.

    Returns:
        For each name in `MODELS` a dictionary with `bic`, `rss` (after the floor), `r2` and `coefficients` (intercept
        first, then in the order above); beside them `winner` (smallest BIC), `margin` (BIC of the second minus that of
        the winner), `lag1_autocorrelation` of the winner's residuals (None if they are mere rounding) and `n`.

    Raises:
        InputError: If there are fewer than four values, or one is not positive and finite.

    Source: Schwarz (1978), Estimating the dimension of a model.

    Example:
        >>> profile_bic([1.0, 0.5, 0.25, 0.125, 0.0625])["winner"]
        'exponential'
    """
    log_v = _log_profile(values)
    k = np.arange(1.0, log_v.size + 1)
    log_k = log(k)
    columns = {"power_law": [log_k], "exponential": [k], "log_normal": [log_k, log_k * log_k]}
    fits, residuals = {}, {}
    for name in MODELS:
        fits[name], residuals[name] = _least_squares(columns[name], log_v)
    winner, second = sorted(MODELS, key=lambda name: fits[name]["bic"])[:2]
    return fits | {
        "winner": winner,
        "margin": fits[second]["bic"] - fits[winner]["bic"],
        "lag1_autocorrelation": _lag1_autocorrelation(residuals[winner], _rounding(log_v)),
        "n": int(log_v.size),
    }


def winners_count(profiles) -> dict:
    """Count the laws that win a set of profiles.

    Args:
        profiles: Results of `profile_bic`.

    Returns:
        `winners` and `clear_winners` (margin of at least `CLEAR_MARGIN`), each a count per name in `MODELS`;
        `median_margin` (None without profiles) and `n`.
    """
    profiles = list(profiles)
    winners = Counter(profile["winner"] for profile in profiles)
    clear = Counter(profile["winner"] for profile in profiles if profile["margin"] >= CLEAR_MARGIN)
    return {
        "winners": {name: winners[name] for name in MODELS},
        "clear_winners": {name: clear[name] for name in MODELS},
        "median_margin": median(profile["margin"] for profile in profiles) if profiles else None,
        "n": len(profiles),
    }


def _log_profile(values) -> np.ndarray:
    v = np.asarray(values, dtype=np.float64)
    if v.ndim != 1 or v.size < 4:
        raise InputError(f"rank profile: expected one list of at least 4 values, got shape {v.shape}")
    bad = np.flatnonzero(~(np.isfinite(v) & (v > 0)))
    if bad.size:
        raise InputError(f"rank profile: expected positive finite values, got {v[bad[0]]} at rank {bad[0] + 1}")
    return log(v)


def _rounding(log_v: np.ndarray) -> float:
    # RSS that rounding alone can leave; the factor 64 covers the solver's own, measured below 20 for n <= 1000
    return log_v.size * (64 * np.finfo(np.float64).eps * max(1.0, float(np.abs(log_v).max()))) ** 2


def _least_squares(columns: list[np.ndarray], log_v: np.ndarray) -> tuple[dict, np.ndarray]:
    n, p = log_v.size, len(columns) + 1
    columns = [np.ones(n), *columns]
    coefficients = _coefficients(columns, log_v)
    residuals = log_v - _combined(columns, coefficients)
    floor = _rounding(log_v)
    rss = max(inner(residuals, residuals), floor)
    around_mean = deviations(log_v)
    tss = inner(around_mean, around_mean)
    log_variance, log_n = log([rss / n, n]).tolist()
    r2 = 1.0 - rss / tss if tss > floor else 1.0
    return {"bic": n * log_variance + p * log_n, "rss": rss, "r2": r2, "coefficients": coefficients}, residuals


def _coefficients(columns: list[np.ndarray], y: np.ndarray) -> list[float]:
    # The last one is that of y on what the other columns leave of the last column (Frisch and Waugh 1933). Not by
    # LAPACK, for there the kernel decides the last digits.
    *others, last = columns
    if not others:
        return [inner(last, y) / inner(last, last)]
    left = last - _combined(others, _coefficients(others, last))
    slope = inner(left, y) / inner(left, left)
    return [*_coefficients(others, y - slope * last), slope]


def _combined(columns: list[np.ndarray], coefficients: list[float]) -> np.ndarray:
    return sum(coefficient * column for coefficient, column in zip(coefficients, columns, strict=True))


def _lag1_autocorrelation(residuals: np.ndarray, rounding: float) -> float | None:
    total_square = inner(residuals, residuals)
    return inner(residuals[:-1], residuals[1:]) / total_square if total_square > rounding else None
