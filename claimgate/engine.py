"""Verdicts of all claims."""

import fnmatch
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from itertools import chain

from claimgate.checks import (
    UNITS,
    Disagreement,
    NotEvaluable,
    accepted_interval,
    compare_values,
    forecast_quality,
    reduce_values,
    rounds_as_stated,
)
from claimgate.claim import Claim, Status, Verdict
from claimgate.errors import shown
from claimgate.project import Quantity
from claimgate.records import SealedRecords
from claimgate.select import select
from claimgate.shared_fit import UNFIT, SharedFit
from claimgate.strictness import objection

_AT_THE_END = {
    "equals": "exactly between two printed values the even digit is taken",
    "rounded_up": "is printed without rounding up",
    "rounded_down": "is printed without rounding down",
}

_DIGITS = 15  # that every float64 tells apart


def choose_by_id(items: list, pattern: str | None) -> list:
    """Keep what `--only` names.

    Args:
        items: Claims or rows, each with an `id`.
        pattern: Shell patterns separated by commas, such as "alpha_map.conv_*,C03?"; None keeps all.

    Returns:
        Those whose id fits one of the patterns.
    """
    if pattern is None:
        return items
    patterns = pattern.split(",")
    return [item for item in items if any(fnmatch.fnmatchcase(item.id, p.strip()) for p in patterns)]


def judge_claims(claims: list[Claim], records: SealedRecords) -> list[Verdict]:
    """Judge every claim against the frozen records; none is skipped.

    Args:
        claims: The claims.
        records: Where their records are.

    Returns:
        One verdict per claim.
    """
    return [judge(claim, records) for claim in claims]


@contextmanager
def fits_at_hand(asked: Iterable[tuple[str, str, str | None]], records: SealedRecords) -> Generator[None]:
    """Fit at once all that will be asked for: a hundred small fits take little longer together than one.

    Args:
        asked: Record, JMESPath and quantity. What cannot be selected or fitted is left to whoever asks for it.
        records: Our frozen records.

    Yields:
        Nothing; the fits are forgotten when the block ends.
    """
    fits = records.project.fits
    if not fits:
        yield
        return
    groups: dict[SharedFit, list[list]] = defaultdict(list)
    for name, expression, quantity in dict.fromkeys(asked):
        for fit, items_of in fits.get(quantity, ()):
            with suppress(NotEvaluable, *UNFIT):
                items = _selected(expression, name, records)
                groups[fit].append([one for item in items for one in items_of(item)])
    with ExitStack() as stack:
        for fit, items in groups.items():
            stack.enter_context(fit.at_hand(items))
        yield


def judge(claim: Claim, records: SealedRecords) -> Verdict:
    """Recompute one claim's value and compare it with what is stated.

    Args:
        claim: The claim.
        records: Where its records are.

    Returns:
        The verdict with its evidence.
    """
    try:
        value, values = recompute(claim, records)
    except _Unusable as problem:
        return _verdict(claim, problem.status, str(problem))
    except NotEvaluable as reason:
        return _verdict(claim, Status.MISSING, str(reason))
    except Disagreement as reason:
        return _verdict(claim, Status.FAIL, str(reason))
    if claim.number.adjusted() - claim.number.as_tuple().exponent >= _DIGITS and not all(map(_is_held, values)):
        reason = f"float64, with which claims are judged, does not tell integers of more than {_DIGITS} digits apart"
        return _verdict(claim, Status.MISSING, f"{reason}: state fewer digits")
    low, high = accepted_interval(claim)
    exact = Decimal(repr(value))
    inside = low <= exact <= high and rounds_as_stated(claim, exact)
    detail = f"{value:.12g} from {len(values)} values, accepted {low} to {high}"
    if not inside and low <= exact <= high:
        detail = f"{detail}; it lies at the very end, and {_AT_THE_END[claim.check]}"
    if inside and (reason := objection(claim, value, values, records.project.identities)) is not None:
        inside, detail = False, f"{detail}; no claim: {reason}"
    return _verdict(claim, Status.PASS if inside else Status.FAIL, detail, value=value, values=values)


def recompute(claim: Claim, records: SealedRecords) -> tuple[float, tuple[float, ...]]:
    """Select, recompute and reduce; once, for abstract, text and table state one value.

    Args:
        claim: The claim.
        records: Where its records are.

    Returns:
        The value in the claim's unit, and the numbers it was reduced from.

    Raises:
        NotEvaluable: If something the claim needs is absent or not a finite number.
        Disagreement: If values that must be the same differ.
    """
    asked = (claim.records, claim.reference, claim.select, claim.quantity, claim.within, claim.reduce, claim.unit)
    asked += (claim.margin, claim.draws, claim.paired_on)
    if asked not in records.reduced:
        records.reduced[asked] = _recompute(claim, records)
    return records.reduced[asked]


def _recompute(claim: Claim, records: SealedRecords) -> tuple[float, tuple[float, ...]]:
    per_record = [_values(claim, name, records) for name in claim.records]
    values = tuple(chain.from_iterable(per_record))
    factor = UNITS[claim.unit]
    if claim.draws is not None:
        return forecast_quality(values, _paired_draws(claim, records), claim.reduce) * factor, values
    if claim.reference:
        others = [_values(claim, name, records) for name in claim.reference]
        if claim.paired_on is not None:
            _require_pairs(claim, records)
        groups = [[reduce_values(values, claim.within) for values in group] for group in (per_record, others)]
        margin = float(claim.margin) / factor if claim.margin else 0.0
        found = compare_values(*groups, claim.reduce, margin)
        return found * (1 if claim.reduce == "equivalence_p" else factor), values
    to_reduce = values if claim.within is None else [reduce_values(values, claim.within) for values in per_record]
    return reduce_values(to_reduce, claim.reduce) * factor, values


def _is_held(value: float) -> bool:
    return type(value) is not int or abs(value) <= 2**53


def _paired_draws(claim: Claim, records: SealedRecords) -> list:
    draws = []
    _require_pairs(claim, records)
    for measured, predicted in zip(claim.records, claim.reference, strict=True):
        found = _selected(claim.draws, predicted, records)
        if len(found) != len(_values(claim, measured, records)):
            raise NotEvaluable(f"{predicted}: expected as many predictions as values of {measured}, got {len(found)}")
        draws += found
    return draws


def _require_pairs(claim: Claim, records: SealedRecords) -> None:
    told = []
    for one, other in zip(claim.records, claim.reference, strict=True):
        told.append(_selected(claim.paired_on, one, records))
        if told[-1] != _selected(claim.paired_on, other, records):
            raise NotEvaluable(f"{other} is not the counterpart of {one}: {claim.paired_on} differs")
    if claim.draws is None and any(found in told[:index] for index, found in enumerate(told)):
        raise NotEvaluable(f"{claim.paired_on} is the same in two of the pairs, so that it tells no counterpart")


class _Unusable(NotEvaluable):
    """A record that cannot be used, with the status that follows."""

    def __init__(self, status: Status, text: str):
        super().__init__(text)
        self.status = status


def _values(claim: Claim, name: str, records: SealedRecords) -> list:
    return _selected(claim.select, name, records, claim.quantity)


def _selected(expression: str, name: str, records: SealedRecords, quantity: str | None = None) -> list:
    if (answer := records.answers.get((name, expression, quantity))) is not None:
        return answer
    _, problem = records.get(name)
    if problem is not None:
        raise _Unusable(problem[0], f"{name}: {problem[1]}")
    return select_quantities(records, name, expression, quantity)


def select_quantities(records: SealedRecords, name: str, expression: str, quantity: str | None) -> list:
    """Select from a record that can be used, and recompute one quantity from each item; once, for many ask the same.

    Args:
        records: Our frozen records.
        name: Which of them.
        expression: JMESPath.
        quantity: One of the project's; None takes the items themselves.

    Returns:
        One value per item; the list must not be changed.
    """
    key = (name, expression, quantity)
    if key not in records.answers:
        if quantity is None:
            records.answers[key] = select(expression, records.get(name)[0], name)
        else:
            items = select_quantities(records, name, expression, None)
            records.answers[key] = quantities_of(items, quantity, name, records.project.quantities)
    return records.answers[key]


def quantities_of(items: list, quantity: str | None, where: str, known: dict[str, Quantity]) -> list:
    """Recompute one quantity from each selected item.

    Args:
        items: What a selector found.
        quantity: A key of `known`; None takes the items themselves.
        where: File name for messages.
        known: Name to quantity.

    Returns:
        One value per item.

    Raises:
        NotEvaluable: If an item does not hold what the quantity is computed from.
    """
    if quantity is None:
        return items
    try:
        return [known[quantity](item) for item in items]
    except KeyError as error:
        raise NotEvaluable(f"{where}: key {error} is missing for {quantity}") from error
    except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        raise NotEvaluable(f"{where}: {quantity} cannot be computed: {shown(str(error))}") from error


def _verdict(claim: Claim, status: Status, detail: str, **found) -> Verdict:
    steps = f"{claim.select} | {claim.quantity or 'as selected'} | {claim.within or '-'} | {claim.reduce}"
    return Verdict(
        claim.id,
        status,
        detail,
        stated=claim.stated + (f" {claim.unit}" if claim.unit == "points" else claim.printed_unit),
        sentence=claim.sentence,
        source=tuple(f"{name}: {steps}" for name in (*claim.records, *claim.reference)),
        file=claim.file,
        line=claim.line,
        **found,
    )
