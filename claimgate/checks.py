"""Reducers and comparisons: the closed lists a claim may choose from.

Reducers need the standard library alone: sums are exact and rounded once (`math.fsum`). What compares two groups is
imported where it is asked for: numpy takes as long to load as a thousand claims to check.
"""

import math
import sys
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from functools import partial

from claimgate.claim import Claim
from claimgate.errors import InputError, shown


class NotEvaluable(Exception):  # ruff: ignore[error-suffix-on-exception-name] - a reason, not an error of the program
    """A value a claim needs is absent or is not a finite number; the message says which."""


class Disagreement(Exception):  # ruff: ignore[error-suffix-on-exception-name] - likewise
    """Values that must all be the same are not; the message gives their range."""


def _same(values: list[float]) -> float:
    low, high = min(values), max(values)
    if low < high:
        raise Disagreement(f"expected one value throughout, found {low:.12g} to {high:.12g}")
    return values[0]


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _std(values: list[float]) -> float:
    if len(values) < 2:
        raise NotEvaluable(f"a standard deviation needs at least two values, the selector gives {len(values)}")
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) * (value - mean) for value in values) / (len(values) - 1))


def _percentile(values: list[float], percent: float) -> float:
    # By linear interpolation between the two values next to it.
    ordered = sorted(values)
    place = percent / 100 * (len(ordered) - 1)
    below = math.floor(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low + (high - low) * (place - below)


# What a claim's numbers are multiplied by. Points are differences of percentages; percent is of what is so recorded.
UNITS = {"": 1, "%": 100, "points": 100, "percent": 1}

REDUCERS: dict[str, Callable[[list[float]], float]] = {
    "same": _same,
    "count": lambda values: float(len(values)),
    "sum": math.fsum,
    "mean": _mean,
    "median": lambda values: _mean(sorted(values)[(len(values) - 1) // 2 : len(values) // 2 + 1]),
    "std": _std,
    "min": min,
    "max": max,
    "percentile_5": lambda values: _percentile(values, 5),
    "percentile_95": lambda values: _percentile(values, 95),
    "root_mean_square": lambda values: math.sqrt(_mean([value * value for value in values])),
}


def _statistics():
    from claimgate import statistics

    return statistics


def _equivalence_p(sample: list[float], reference: list[float], margin: float) -> float:
    try:
        return _statistics().equivalence_test(sample, reference, margin, paired=False)["p"]
    except InputError as error:
        raise NotEvaluable(str(error)) from error


def _difference_end(end: int, paired: bool, sample: list[float], reference: list[float], _: float) -> float:
    try:
        return _statistics().difference_interval(sample, reference, paired)[end]
    except InputError as error:
        raise NotEvaluable(str(error)) from error


# What becomes of two groups of records, one value of each; the last argument is the claim's margin. That two are the
# same is claimed by `equivalence_p` only: a difference that is not significant shows nothing.
COMPARISONS: dict[str, Callable[[list[float], list[float], float], float]] = {
    "mean_difference": lambda sample, reference, _: _mean(sample) - _mean(reference),
    "mean_difference_low": partial(_difference_end, 0, False),
    "mean_difference_high": partial(_difference_end, 1, False),
    "paired_difference_low": partial(_difference_end, 0, True),
    "paired_difference_high": partial(_difference_end, 1, True),
    "equivalence_p": _equivalence_p,
}


_ROUNDING = {"equals": ROUND_HALF_EVEN, "rounded_up": ROUND_CEILING, "rounded_down": ROUND_FLOOR}
EXACT = Context(prec=1000)  # digits: more than any float64 has

PAIRED = ("paired_difference_low", "paired_difference_high")  # of those, what takes the records two by two


# What becomes of measurements and the predictions made of them beforehand, item by item.
FORECASTS: dict[str, Callable[[list, list], float]] = {
    "forecast_bias": lambda measured, draws: _mean(_errors(measured, draws)),
    "forecast_rmse": lambda measured, draws: REDUCERS["root_mean_square"](_errors(measured, draws)),
    "forecast_correlation": lambda measured, draws: _statistics().forecast_correlation(measured, draws),
    "forecast_skill": lambda measured, draws: _statistics().forecast_skill(measured, draws),
    "forecast_coverage": lambda measured, draws: _statistics().forecast_coverage(measured, draws),
}


def _errors(measured: list, draws: list) -> list[float]:
    return _statistics().forecast_errors(measured, draws).tolist()


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
    for values in (sample, reference):
        reduce_values(values, "count")  # refuses what is no number
    return COMPARISONS[comparison](sample, reference, margin)


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
    # The quick way to see that all are finite floats; where it does not, each is looked at.
    if list(map(type, values)).count(float) < len(values) or not math.isfinite(sum(values)):
        for value in values:
            if not is_finite_number(value):
                raise NotEvaluable(f"expected finite numbers, found {shown(value)}")
        values = list(map(float, values))
    try:
        result = REDUCERS[reducer](values)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise NotEvaluable(f"the {reducer} of {len(values)} numbers up to {max(map(abs, values)):.3g} overflows")
    return result


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


def accepts(claim: Claim, value: Decimal) -> bool:
    """Say whether a claim states a value.

    Args:
        claim: The claim.
        value: Recomputed, in the claim's unit.

    Returns:
        Whether it lies in the accepted interval; at the printed precision, whether it rounds to what is stated.
    """
    low, high = accepted_interval(claim)
    return low <= value <= high and rounds_as_stated(claim, value)


def rounds_as_stated(claim: Claim, value: Decimal) -> bool:
    """Say whether a value in the accepted interval is also printed so.

    Args:
        claim: The claim.
        value: Recomputed, in the claim's unit.

    Returns:
        Whether it rounds to what is stated, if that is asked for.
    """
    return claim.tolerance != "printed" or is_rounded_to(value, claim.number, _ROUNDING[claim.check])


def is_rounded_to(value: Decimal, stated: Decimal, rounding: str = ROUND_HALF_EVEN) -> bool:
    """Say whether a value is printed so.

    Args:
        value: Within a unit of the last digit of what is stated.
        stated: As printed.
        rounding: Of the module `decimal`; where the value lies exactly between two, the even digit is printed.

    Returns:
        Whether the value rounds to it.
    """
    return value.quantize(Decimal(1).scaleb(stated.as_tuple().exponent), rounding, EXACT) == stated


def _width(claim: Claim) -> Decimal:
    if claim.tolerance == "exact":
        return Decimal(0)
    return half_unit(claim.number) if claim.tolerance == "printed" else Decimal(claim.tolerance)


# What each check means; `accepted_interval` is its definition.
CHECKS = {
    "equals": "within the tolerance of the stated value; printed is half a unit of the last printed digit, and exactly "
    "between two values the even digit",
    "rounded_up": "the stated value is the recomputed one rounded up at the printed precision: a tight upper bound",
    "rounded_down": "likewise rounded down: a tight lower bound",
    "below": "at most the stated bound, which has a meaning of its own (say, rounding error)",
    "above": "at least the stated bound",
}
