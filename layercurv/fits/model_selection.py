"""Which law a rank profile follows: power law, exponential or log-normal, by BIC on logarithms."""

from collections import Counter
from statistics import median

import numpy as np

from claimgate.statistics.reproducible import log
from layercurv.errors import InputError
from layercurv.fits.segments import Segments

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
    return profile_bic_of([values])[0]


def profile_bic_of(profiles: list) -> list[dict]:
    """Compare the three laws on many profiles at once.

    Args:
        profiles: For each the argument of `profile_bic`.

    Returns:
        For each what `profile_bic` gives, to the last bit.

    Raises:
        InputError: If `profile_bic` would refuse one of them.
    """
    profiles = [_checked(values) for values in profiles]
    segments = Segments(map(len, profiles))
    log_v, k = log(np.concatenate(profiles)), segments.ranks()
    log_k = log(k)
    columns = {"power_law": [log_k], "exponential": [k], "log_normal": [log_k, log_k * log_k]}
    rounding = _rounding(segments, log_v)
    laws = [_least_squares(segments, [np.ones_like(k), *columns[name]], log_v, rounding) for name in MODELS]
    winners, seconds = np.argsort([law["bic"] for law, _ in laws], axis=0, kind="stable")[:2].tolist()
    residuals = np.choose(segments.spread(winners), [residuals for _, residuals in laws])
    autocorrelations = _lag1_autocorrelations(segments, residuals, rounding)
    rows = [[dict(zip(law, row, strict=True)) for row in zip(*law.values(), strict=True)] for law, _ in laws]
    return [
        dict(zip(MODELS, fits, strict=True))
        | {
            "winner": MODELS[winner],
            "margin": fits[second]["bic"] - fits[winner]["bic"],
            "lag1_autocorrelation": autocorrelation,
            "n": n,
        }
        for *fits, winner, second, autocorrelation, n in zip(
            *rows, winners, seconds, autocorrelations, segments.lengths.tolist(), strict=True
        )
    ]


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


def _checked(values) -> np.ndarray:
    v = np.asarray(values, dtype=np.float64)
    if v.ndim != 1 or v.size < 4:
        raise InputError(f"rank profile: expected one list of at least 4 values, got shape {v.shape}")
    if not (v.min() > 0 and v.max() < np.inf):  # NaN fails both
        bad = np.flatnonzero(~(np.isfinite(v) & (v > 0)))[0]
        raise InputError(f"rank profile: expected positive finite values, got {v[bad]} at rank {bad + 1}")
    return v


def _rounding(segments: Segments, log_v: np.ndarray) -> np.ndarray:
    # RSS that rounding alone can leave; the factor 64 covers the solver's own, measured below 20 for n <= 1000
    largest = np.maximum(1.0, np.maximum.reduceat(np.abs(log_v), segments.bounds[:-1]))
    return segments.lengths * (64 * np.finfo(np.float64).eps * largest) ** 2


def _least_squares(
    segments: Segments, columns: list[np.ndarray], log_v: np.ndarray, rounding: np.ndarray
) -> tuple[dict[str, list], np.ndarray]:
    # columns p x [N], log_v [N], rounding [s] -> fields s each, residuals [N]
    n = segments.lengths
    coefficients = _coefficients(segments, columns, log_v)
    residuals = log_v - _combined(segments, columns, coefficients)
    rss = np.maximum(segments.inner(residuals, residuals), rounding)
    deviations = segments.deviations(log_v)
    tss = segments.inner(deviations, deviations)
    r2 = 1.0 - np.divide(rss, tss, out=np.zeros_like(rss), where=tss > rounding)
    fields = {"bic": n * log(rss / n) + len(columns) * log(n), "rss": rss, "r2": r2}
    listed = {name: values.tolist() for name, values in fields.items()}
    return listed | {"coefficients": np.stack(coefficients, axis=1).tolist()}, residuals


def _coefficients(segments: Segments, columns: list[np.ndarray], y: np.ndarray) -> list[np.ndarray]:
    # The last one is that of y on what the other columns leave of the last column (Frisch and Waugh 1933). Not by
    # LAPACK, for there the kernel decides the last digits.
    *others, last = columns
    if not others:
        return [segments.inner(last, y) / segments.inner(last, last)]
    left = last - _combined(segments, others, _coefficients(segments, others, last))
    slope = segments.inner(left, y) / segments.inner(left, left)
    return [*_coefficients(segments, others, y - segments.spread(slope) * last), slope]


def _combined(segments: Segments, columns: list[np.ndarray], coefficients: list[np.ndarray]) -> np.ndarray:
    return sum(segments.spread(values) * column for values, column in zip(coefficients, columns, strict=True))


def _lag1_autocorrelations(segments: Segments, residuals: np.ndarray, rounding: np.ndarray) -> list[float | None]:
    squares = segments.inner(residuals, residuals)
    following = np.append(residuals[1:], 0.0)
    following[np.array(segments.bounds[1:]) - 1] = 0.0
    found = segments.inner(residuals, following) / np.where(squares > rounding, squares, 1.0)
    return [
        r if square > floor else None
        for r, square, floor in zip(*map(np.ndarray.tolist, (found, squares, rounding)), strict=True)
    ]
