"""How far two lists agree: labels against chance, numbers by correlation."""

import functools
import math

import numpy as np

from claimgate.statistics.reproducible import deviations, inner
from layercurv.errors import InputError


def label_shares(labels_a, labels_b) -> dict:
    """Count equal labels, and how many there would be on average over all orders of one list.

    The expected share is exact, sum_c n_a(c) n_b(c) / n^2: two lists that both say "log-normal" nine times in ten
    agree in 82 % of places by chance.

    Args:
        labels_a: One label per item, shape [n], n >= 1.
        labels_b: The other labels of the same items, shape [n].

    Returns:
        `share` of equal labels, `expected_share` and `n`.

    Raises:
        InputError: If the lists are empty or differ in length.

    Example:
        >>> label_shares(["a", "a", "b", "b"], ["a", "a", "b", "a"])["expected_share"]
        0.5
    """
    a, b = _coded(labels_a, labels_b)
    counts_a, counts_b = (np.bincount(x, minlength=int(max(a.max(), b.max())) + 1) for x in (a, b))
    n_matches, n = int(np.sum(a == b)), a.size
    return {"share": n_matches / n, "expected_share": int(np.sum(counts_a * counts_b)) / n**2, "n": n}


def label_agreement(labels_a, labels_b, n_draws: int = 10_000, seed: int = 0) -> dict:
    """Compare the share of equal labels with what permuting one list gives.

    The p-value counts the observed order among the draws and is never zero.

    Args:
        labels_a: One label per item, shape [n], n >= 1.
        labels_b: The other labels of the same items, shape [n].
        n_draws: Permutations.
        seed: Of the permutations.

    Returns:
        `label_shares`; beside them `p_value` = (1 + draws with at least as many matches) / (1 + n_draws) and
        `n_draws`.

    Raises:
        InputError: If the lists are empty or differ in length, or n_draws < 1.

    Source: Phipson and Smyth (2010), Permutation p-values should never be zero.
    """
    a, b = _coded(labels_a, labels_b, n_draws)
    orders, _ = _permutations(a.size, n_draws, seed)
    as_many = int(np.sum((b[orders] == a).sum(1) >= np.sum(a == b)))
    return label_shares(a, b) | {"p_value": (1 + as_many) / (1 + n_draws), "n_draws": n_draws}


def correlation(x, y, n_draws: int = 2000, seed: int = 0) -> dict:
    """Correlate two lists by Pearson (values) and Spearman (ranks), with bootstrap percentile intervals over pairs.

    A draw in which one list is constant has no correlation and sits out. With fewer than about 20 pairs the percentile
    interval covers the truth less often than its 95 %.

    Args:
        x: Finite values, not all equal, shape [n], n >= 4.
        y: The same, shape [n].
        n_draws: Resamples of pairs.
        seed: Of the resamples.

    Returns:
        For `pearson` and `spearman` a dictionary with `r`, `p_value` (two-sided, of no correlation), `ci95_low` and
        `ci95_high`; beside them `n` and `n_resamples`, the draws that entered.

    Raises:
        InputError: If lengths differ or are below 4, a value is not finite, or a list is constant.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    x, y = _checked(x, y, n_draws)
    # Imported here: scipy.stats takes 0.4 s, and verifying claims imports this package without needing it.
    from scipy import stats

    rows = np.random.default_rng(seed).integers(x.size, size=(n_draws, x.size))
    drawn_x, drawn_y = x[rows], y[rows]
    varied = (np.ptp(drawn_x, axis=1) > 0) & (np.ptp(drawn_y, axis=1) > 0)
    drawn_x, drawn_y = drawn_x[varied], drawn_y[varied]
    pearson = _row_correlation(drawn_x, drawn_y)
    spearman = _row_correlation(stats.rankdata(drawn_x, axis=1), stats.rankdata(drawn_y, axis=1))
    return {
        "pearson": _summary(stats.pearsonr(x, y), pearson),
        "spearman": _summary(stats.spearmanr(x, y), spearman),
        "n": int(x.size),
        "n_resamples": int(varied.sum()),
    }


def correlation_against_chance(x, y, n_draws: int = 10_000, seed: int = 0) -> dict:
    """Set Pearson's correlation beside what permuting one list gives, and a bootstrap interval over pairs.

    Unlike `correlation`, it assumes no distribution and loads no statistics package. Permuting takes pairs as
    exchangeable; layers of a network that vary smoothly with depth are not, so its p-value is too small there.

    Args:
        x: Finite values, not all equal, shape [n], n >= 4.
        y: The same, shape [n].
        n_draws: Permutations, and resamples of pairs.
        seed: Of both.

    Returns:
        `r`; `p_value` = (1 + draws with at least |r|) / (1 + n_draws); `chance95`, the 95 % quantile of |r| over
        permutations; `ci95_low` and `ci95_high` of the bootstrap; `n`.

    Raises:
        InputError: As `correlation`.

    Source: Phipson and Smyth (2010), Permutation p-values should never be zero.
    """
    x, y = _checked(x, y, n_draws)
    permuted, state = _permuted_correlations(x, y, n_draws, seed)
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    rows = rng.integers(x.size, size=(n_draws, x.size))
    drawn_x, drawn_y = x[rows], y[rows]
    varied = (np.ptp(drawn_x, axis=1) > 0) & (np.ptp(drawn_y, axis=1) > 0)
    low, high = np.percentile(_row_correlation(drawn_x[varied], drawn_y[varied]), [2.5, 97.5])
    return {
        "r": pearson(x, y),
        "p_value": _p_value(permuted, pearson(x, y)),
        "chance95": float(np.percentile(permuted, 95)),
        "ci95_low": float(low),
        "ci95_high": float(high),
        "n": int(x.size),
    }


def correlation_p_value(x, y, n_draws: int = 10_000, seed: int = 0) -> float:
    """Return the p-value of `correlation_against_chance` alone, which takes a tenth of the time.

    Args:
        x: Finite values, not all equal, shape [n], n >= 4.
        y: The same, shape [n].
        n_draws: Permutations.
        seed: Of the permutations.

    Returns:
        (1 + draws with at least |r|) / (1 + n_draws).

    Raises:
        InputError: As `correlation`.
    """
    x, y = _checked(x, y, n_draws)
    return _p_value(_permuted_correlations(x, y, n_draws, seed)[0], pearson(x, y))


def pearson(x, y) -> float:
    """Correlate two lists.

    Args:
        x: Finite values, not all equal, shape [n], n >= 4.
        y: The same, shape [n].

    Returns:
        Pearson's r.

    Raises:
        InputError: As `correlation`.
    """
    dx, dy = map(deviations, _checked(x, y))
    return inner(dx, dy) / math.sqrt(inner(dx, dx) * inner(dy, dy))


def without_trend(values, covariate) -> np.ndarray:
    """Take the least-squares line on a covariate out of values.

    Args:
        values: Shape [n].
        covariate: Shape [n], not all equal.

    Returns:
        The residuals, shape [n]. The correlation of two such lists is their partial correlation given the covariate.
    """
    values, covariate = np.asarray(values, dtype=np.float64), np.asarray(covariate, dtype=np.float64)
    dx, dy = deviations(covariate), deviations(values)
    return dy - dx * (inner(dx, dy) / inner(dx, dx))


@functools.lru_cache(maxsize=4)  # lists of one length are permuted alike
def _permutations(n: int, n_draws: int, seed: int) -> tuple[np.ndarray, dict]:
    # orders [n_draws, n], and the generator's state behind them
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(np.arange(n), (n_draws, 1)), axis=1), rng.bit_generator.state


def _permuted_correlations(x: np.ndarray, y: np.ndarray, n_draws: int, seed: int) -> tuple[np.ndarray, dict]:
    # |r| of each order [n_draws]; the norm is the same for all
    orders, state = _permutations(x.size, n_draws, seed)
    dx, dy = deviations(x), deviations(y)
    return np.abs((dy[orders] * dx).sum(1)) / math.sqrt(inner(dx, dx) * inner(dy, dy)), state


def _p_value(permuted: np.ndarray, r: float) -> float:
    # A draw of the observed order may differ from r in the last digit and still counts.
    return (1 + int(np.sum(permuted >= abs(r) * (1 - 1e-12)))) / (1 + permuted.size)


def _coded(labels_a, labels_b, n_draws: int = 1) -> tuple[np.ndarray, np.ndarray]:
    labels_a, labels_b = list(labels_a), list(labels_b)
    if not labels_a or len(labels_a) != len(labels_b) or n_draws < 1:
        raise InputError(
            "label agreement: expected two lists of one length and at least 1 draw, "
            f"got {len(labels_a)} and {len(labels_b)} labels and {n_draws} draws"
        )
    code = {label: i for i, label in enumerate(dict.fromkeys(labels_a + labels_b))}
    a, b = (np.array([code[label] for label in labels]) for labels in (labels_a, labels_b))
    return a, b


def _checked(x, y, n_draws: int = 100) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size < 4:
        raise InputError(f"correlation: expected two lists of one length, at least 4, got {x.shape} and {y.shape}")
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all() or np.ptp(values) == 0:
            raise InputError(f"correlation: expected finite values that differ, got {name} = {values}")
    if n_draws < 100:
        raise InputError(f"correlation: expected at least 100 draws for an interval, got {n_draws}")
    return x, y


def _row_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # [draws, n] each -> [draws]
    dx, dy = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    return (dx * dy).sum(1) / np.sqrt((dx * dx).sum(1) * (dy * dy).sum(1))


def _summary(result, draws: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(draws, [2.5, 97.5])
    return {
        "r": float(result.statistic),
        "p_value": float(result.pvalue),
        "ci95_low": float(low),
        "ci95_high": float(high),
    }
