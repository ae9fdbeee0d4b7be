"""How far two means differ: an interval, equality up to a margin, and a correction for many tests."""

import math

import numpy as np

from claimgate.errors import InputError
from claimgate.statistics.student_t import t_quantile, t_tail

LEVEL = 0.05


def equivalence_test(sample, reference, margin: float, paired: bool) -> dict:
    """Run two one-sided t tests (TOST) of |mean(sample) - mean(reference)| < margin.

    The null hypothesis is that the means differ by the margin or more; rejecting it shows equivalence, which a
    difference that is merely not significant never does. Equivalent at 5 % is the same as the 90 % interval lying
    inside the margin. The margin is to be fixed before the data are seen.

    Args:
        sample: Values of one method, shape [n], n >= 2.
        reference: Values of the other, shape [n'], n' >= 2; n' = n if paired, in the same order (of seeds).
        margin: Largest difference that does not matter, > 0, in the unit of the values.
        paired: Test the differences of pairs; otherwise Welch's test, which allows unequal variances.

    Returns:
        `difference` (mean of sample minus mean of reference), `ci90_low`, `ci90_high`, `p_lower` (difference <=
        -margin), `p_upper` (difference >= margin), `p` (the larger), `equivalent` (p < 0.05) and `margin`.

    Raises:
        InputError: If there are too few values, one is not finite, pairs do not match, the margin is not positive, or
            nothing scatters, so that no t test exists.

    Source: Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach; Lakens (2017),
    Equivalence tests: a practical primer.
    """
    sample, reference = _checked(sample, reference, paired)
    if not 0 < margin < np.inf:
        raise InputError(f"equivalence: expected a positive margin, got {margin}")
    margin, difference = float(margin), float(sample.mean() - reference.mean())
    error, freedom = _standard_error(sample, reference, paired)
    half = t_quantile(freedom, 1 - LEVEL) * error
    p_lower, p_upper = (t_tail(freedom, (margin + sign * difference) / error) for sign in (1, -1))
    return {
        "difference": difference,
        "ci90_low": difference - half,
        "ci90_high": difference + half,
        "p_lower": p_lower,
        "p_upper": p_upper,
        "p": max(p_lower, p_upper),
        "equivalent": max(p_lower, p_upper) < LEVEL,
        "margin": margin,
    }


def difference_interval(sample, reference) -> tuple[float, float]:
    """Compute Welch's 95 % confidence interval of mean(sample) - mean(reference).

    Args:
        sample: Values of one method, shape [n], n >= 2.
        reference: Values of the other, shape [n'], n' >= 2, independent of the first.

    Returns:
        Lower and upper end, in the unit of the values. That it holds zero shows no equality; `equivalence_test` can.

    Raises:
        InputError: If there are too few values, one is not finite, or nothing scatters.

    Source: Welch (1947), The generalization of "Student's" problem when several different population variances are
    involved.
    """
    sample, reference = _checked(sample, reference, paired=False)
    error, freedom = _standard_error(sample, reference, paired=False)
    difference, half = float(sample.mean() - reference.mean()), t_quantile(freedom, 1 - LEVEL / 2) * error
    return difference - half, difference + half


def _standard_error(sample: np.ndarray, reference: np.ndarray, paired: bool) -> tuple[float, float]:
    # Of the difference of means, with its degrees of freedom (Welch-Satterthwaite where unpaired). By formula, for
    # importing scipy.stats takes 0.4 s, which verifying claims has not got.
    if paired:
        return float((sample - reference).std(ddof=1)) / math.sqrt(sample.size), sample.size - 1.0
    parts = [(float(x.var(ddof=1)) / x.size, x.size - 1) for x in (sample, reference)]
    variance = sum(part for part, _ in parts)
    return math.sqrt(variance), variance * variance / sum(part * part / n for part, n in parts)


def holm(p_values) -> list[float]:
    """Adjust p-values for their number: max over smaller ones of (m - rank) p, at most 1 (ranks from 0).

    Rejecting where the adjusted value is at most 5 % keeps the chance of any false rejection at 5 %, whatever the
    dependence between the tests.

    Args:
        p_values: p-values, shape [m].

    Returns:
        Adjusted p-values in the order given.

    Raises:
        InputError: If a value is not between 0 and 1.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.

    Example:
        >>> holm([0.03, 0.01, 0.5])
        [0.06, 0.03, 0.5]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"holm: expected a list of p-values between 0 and 1, got {p_values}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate((p.size - np.arange(p.size)) * p[order]), 1.0)
    return adjusted.tolist()


def _checked(sample, reference, paired: bool) -> tuple[np.ndarray, np.ndarray]:
    sample, reference = np.asarray(sample, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if sample.ndim != 1 or reference.ndim != 1 or min(sample.size, reference.size) < 2:
        raise InputError(
            f"equivalence: expected two lists of at least 2 values, got shapes {sample.shape} and {reference.shape}"
        )
    if paired and sample.size != reference.size:
        raise InputError(f"equivalence: expected pairs, got {sample.size} and {reference.size} values")
    if not (np.isfinite(sample).all() and np.isfinite(reference).all()):
        raise InputError("equivalence: expected finite values, got NaN or infinity")
    scatter = np.ptp(sample - reference) if paired else np.ptp(sample) + np.ptp(reference)
    size = max(np.abs(sample).max(), np.abs(reference).max())
    if not scatter > 1e-12 * size:  # a spread at rounding level is none
        raise InputError("equivalence: expected values that scatter, got none; compare them exactly instead")
    return sample, reference
