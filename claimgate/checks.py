"""Reducers and comparisons: the closed lists a claim may choose from."""

import math
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import numpy as np

from claimgate.claim import Claim
from claimgate.errors import InputError, shown
from claimgate.statistics import (
    difference_interval,
    equivalence_test,
    forecast_correlation,
    forecast_coverage,
    forecast_errors,
    forecast_skill,
)


class NotEvaluable(Exception):  # ruff: ignore[error-suffix-on-exception-name] - a reason, not an error of the program
    """A value a claim needs is absent or is not a finite number; the message says which."""


class Disagreement(Exception):  # ruff: ignore[error-suffix-on-exception-name] - likewise
    """Values that must all be the same are not; the message gives their range."""


def _same(values: np.ndarray) -> float:
    if np.ptp(values) > 0:
        raise Disagreement(f"expected one value throughout, found {values.min():.12g} to {values.max():.12g}")
    return float(values[0])


def _std(values: np.ndarray) -> float:
    if values.size < 2:
        raise NotEvaluable(f"a standard deviation needs at least two values, the selector gives {values.size}")
    return float(values.std(ddof=1))


# What a claim's numbers are multiplied by. Points are differences of percentages; percent is of what is so recorded.
UNITS = {"": 1, "%": 100, "points": 100, "percent": 1}

REDUCERS: dict[str, Callable[[np.ndarray], float]] = {
    "same": _same,
    "count": lambda values: float(values.size),
    "sum": lambda values: float(values.sum()),
    "mean": lambda values: float(values.mean()),
    "median": lambda values: float(np.median(values)),
    "std": _std,
    "min": lambda values: float(values.min()),
    "max": lambda values: float(values.max()),
    "percentile_5": lambda values: float(np.percentile(values, 5)),
    "percentile_95": lambda values: float(np.percentile(values, 95)),
    "root_mean_square": lambda values: float(np.sqrt(np.mean(np.square(values)))),
}


def _equivalence_p(sample: np.ndarray, reference: np.ndarray, margin: float) -> float:
    try:
        return equivalence_test(sample, reference, margin, paired=False)["p"]
    except InputError as error:
        raise NotEvaluable(str(error)) from error


def _difference_end(end: int, sample: np.ndarray, reference: np.ndarray, _: float) -> float:
    try:
        return difference_interval(sample, reference)[end]
    except InputError as error:
        raise NotEvaluable(str(error)) from error


# What becomes of two groups of records, one value of each; the last argument is the claim's margin. That two are the
# same is claimed by `equivalence_p` only: a difference that is not significant shows nothing.
COMPARISONS: dict[str, Callable[[np.ndarray, np.ndarray, float], float]] = {
    "mean_difference": lambda sample, reference, _: float(sample.mean() - reference.mean()),
    "mean_difference_low": partial(_difference_end, 0),
    "mean_difference_high": partial(_difference_end, 1),
    "equivalence_p": _equivalence_p,
}


# What becomes of measurements and the predictions made of them beforehand, item by item.
FORECASTS: dict[str, Callable[[list, list], float]] = {
    "forecast_bias": lambda measured, draws: float(np.mean(forecast_errors(measured, draws))),
    "forecast_rmse": lambda measured, draws: REDUCERS["root_mean_square"](forecast_errors(measured, draws)),
    "forecast_correlation": forecast_correlation,
    "forecast_skill": forecast_skill,
    "forecast_coverage": forecast_coverage,
}


def forecast_quality(measured: list, draws: list, forecast: str) -> float:
    """Compare measurements with predictions.

    Args:
        measured: Numbers.
        draws: For each a list of numbers.
        forecast: A key of `FORECASTS`.

    Returns:
        The quality.

    Raises:
        NotEvaluable: If the lists do not belong together or hold what is no finite number.
    """
    reduce_values(measured, "count")  # refuses what is no number
    for item in draws:
        if not isinstance(item, list):
            raise NotEvaluable(f"expected lists of draws, found {shown(item)}")
        reduce_values(item, "count")
    try:
        return FORECASTS[forecast](measured, draws)
    except InputError as error:
        raise NotEvaluable(str(error)) from error


def compare_values(sample: list, reference: list, comparison: str, margin: float) -> float:
    """Compare two groups of numbers.

    Args:
        sample: One number per record.
        reference: One number per record of the other group.
        comparison: A key of `COMPARISONS`.
        margin: The largest difference that does not matter, in the unit of the numbers.

    Returns:
        The result of the comparison.

    Raises:
        NotEvaluable: If a group is empty, or a value is not a finite number.
    """
    groups = []
    for values in (sample, reference):
        reduce_values(values, "count")  # refuses what is no number
        groups.append(np.asarray(values, dtype=np.float64))
    return COMPARISONS[comparison](*groups, margin)


def reduce_values(values: list, reducer: str) -> float:
    """Reduce numbers to one.

    Args:
        values: At least one finite number.
        reducer: A key of `REDUCERS`.

    Returns:
        The reduced value.

    Raises:
        NotEvaluable: If there is no value, or one is not a finite number.
        Disagreement: If the reducer is "same" and the values are not.
    """
    if not values:
        raise NotEvaluable("the selector finds nothing")
    if not _all_finite_floats(values):
        for value in values:
            if not is_finite_number(value):
                raise NotEvaluable(f"expected finite numbers, found {shown(value)}")
    result = REDUCERS[reducer](np.asarray(values, dtype=np.float64))
    if not math.isfinite(result):
        raise NotEvaluable(f"the {reducer} of {len(values)} numbers up to {max(map(abs, values)):.3g} overflows")
    return result


def _all_finite_floats(values: list) -> bool:
    return set(map(type, values)) == {float} and all(map(math.isfinite, values))


def is_finite_number(value: object) -> bool:
    """Say whether a parsed value is a number that float64 holds.

    Args:
        value: Anything from a JSON document.

    Returns:
        False for booleans, NaN, infinities and integers beyond float64.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def half_unit(stated: Decimal) -> Decimal:
    """Return half a unit of the last printed digit.

    Args:
        stated: As printed.

    Returns:
        0.005 for 2.17, 0.5 for 93.
    """
    return Decimal(1).scaleb(stated.as_tuple().exponent) / 2


def accepted_interval(claim: Claim) -> tuple[Decimal, Decimal]:
    """Return the closed interval the recomputed value must lie in.

    Args:
        claim: The claim.

    Returns:
        Lowest and highest accepted value, infinite where there is no bound.

    Raises:
        InputError: If the check does not take the claim's tolerance.
    """
    stated, infinity = claim.number, Decimal("Infinity")
    if claim.check == "below" and claim.tolerance == "exact":
        return -infinity, stated
    if claim.check == "above" and claim.tolerance == "exact":
        return stated, infinity
    if claim.check == "equals":
        width = _width(claim)
        return stated - width, stated + width
    if claim.check == "rounded_up" and claim.tolerance == "printed":
        return stated - claim.last_digit, stated
    if claim.check == "rounded_down" and claim.tolerance == "printed":
        return stated, stated + claim.last_digit
    raise InputError(
        f"claim {claim.id}: check {claim.check!r} does not take tolerance {claim.tolerance!r}; expected "
        "equals with printed, exact or a number; rounded_up or rounded_down with printed; below or above with exact"
    )


def _width(claim: Claim) -> Decimal:
    if claim.tolerance == "exact":
        return Decimal(0)
    return half_unit(claim.number) if claim.tolerance == "printed" else Decimal(claim.tolerance)


# What each check means; `accepted_interval` is its definition.
CHECKS = {
    "equals": "within the tolerance of the stated value; printed is half a unit of the last printed digit",
    "rounded_up": "the stated value is the recomputed one rounded up at the printed precision: a tight upper bound",
    "rounded_down": "likewise rounded down: a tight lower bound",
    "below": "at most the stated bound, which has a meaning of its own (say, rounding error)",
    "above": "at least the stated bound",
}
