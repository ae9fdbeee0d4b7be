"""From readings to values, and the verdict they add up to."""

from dataclasses import dataclass
from decimal import Decimal

from claimgate.checks import EXACT, REDUCERS, UNITS, NotEvaluable, half_unit, reduce_values
from claimgate.errors import InputError, shown
from claimgate.published.row import TIES, Part, Reading, Row
from claimgate.published.source import Source
from claimgate.select import select

# Stored and recomputed numbers are the same up to the rounding of one least-squares fit in other arithmetic.
STORED_TOLERANCE = 1e-6

# "all" keeps every number, "extent" the smallest and the largest.
READING_REDUCERS = REDUCERS | {"all": None, "extent": None}


@dataclass(frozen=True)
class Evidence:
    """What one reading finds."""

    values: tuple[float, ...]  # one, or several for "all" and "extent", in the row's unit
    n: int  # numbers that went into it
    stored: tuple[float, ...] | None  # likewise from what the paper stores
    stored_agrees: bool


def read(reading: Reading, unit: str, source: Source) -> Evidence:
    """Recompute a reading.

    Args:
        reading: The reading.
        unit: "" or "%".
        source: The paper's files.

    Returns:
        Its values, and whether the stored ones are the same.

    Raises:
        NotEvaluable: If a file or key is absent or a value is not a finite number.
    """
    numbers = [number for part in reading.parts for number in _numbers(part, source)]
    values = _reduce(numbers, reading.reduce, unit)
    if not reading.stored:
        return Evidence(values, len(numbers), None, True)
    kept = [number for part in reading.stored for number in _numbers(part, source)]
    stored = _reduce(kept, "all" if len(kept) == len(values) else reading.reduce, unit)
    return Evidence(values, len(numbers), stored, _same(values, stored))


def derive_verdict(row: Row, findings: list[Evidence]) -> str:
    """Say what the readings add up to.

    Args:
        row: The printed number.
        findings: One per reading.

    Returns:
        A key of `row.VERDICTS`.
    """
    if not findings:
        return "unsupported"
    agreeing = [agrees(row, finding.values) for finding in findings]
    return "supported" if all(agreeing) else "ambiguous" if any(agreeing) else "contradicted"


def agrees(row: Row, values: tuple[float, ...]) -> bool:
    """Compare values with what is printed.

    Args:
        row: The printed number; its check says how.
        values: Recomputed, in the row's unit.

    Returns:
        equals: as many as stated, each rounding to it at its printed precision; inside: all, rounded as the ends are,
        between the two stated ones; below, above: all at most, at least, the stated one. A value exactly between two
        printed ones rounds to one of them only: see `row.TIES`.

    Raises:
        InputError: If the check is none of these.
    """
    exact = [Decimal(repr(value)) for value in values]
    match row.check:
        case "equals":
            pairs = zip(row.numbers, exact, strict=False)
            return len(exact) == len(row.numbers) and all(rounded(x, stated, row.ties) == stated for stated, x in pairs)
        case "inside":
            low, high = row.numbers
            return all(rounded(x, low, row.ties) >= low and rounded(x, high, row.ties) <= high for x in exact)
        case "below":
            return all(x <= row.numbers[0] for x in exact)
        case "above":
            return all(x >= row.numbers[0] for x in exact)
    raise InputError(f"{row.id}: unknown check {row.check!r}")


def rounded(value: Decimal, stated: Decimal, ties: str) -> Decimal:
    """Round a value as a stated one is.

    Args:
        value: Exact.
        stated: As printed, which says to how many digits.
        ties: A key of `row.TIES`.

    Returns:
        What would be printed.
    """
    return value.quantize(Decimal(1).scaleb(stated.as_tuple().exponent), TIES[ties], EXACT)


def lies_between(value: Decimal, stated: Decimal) -> bool:
    """Say whether a value lies exactly between what is stated and the next that could be printed.

    Args:
        value: Exact.
        stated: As printed.

    Returns:
        Whether it is half a unit of the last digit away.
    """
    return abs(value - stated) == half_unit(stated)


def _numbers(part: Part, source: Source) -> list:
    if part.file != "*":
        return _select(part, part.file, source)
    found = []
    for name in source.documents:
        try:
            found += _select(part, name, source)
        except NotEvaluable:
            continue  # a file without it has nothing to add; if none has it, reducing nothing is the error
    return found


def _select(part: Part, name: str, source: Source) -> list:
    if name not in source.documents:
        raise NotEvaluable(f"{name}: no such file")
    items = select(part.select, source.documents[name], name)
    if part.quantity is None:
        return items
    try:
        if part.quantity in source.audit.list_quantities:
            return [source.audit.list_quantities[part.quantity](items)]
        return [source.audit.quantities[part.quantity](item) for item in items]
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration) as error:
        raise NotEvaluable(f"{name}: {part.quantity} cannot be computed: {shown(repr(error))}") from error


def _reduce(numbers: list, reducer: str, unit: str) -> tuple[float, ...]:
    if reducer == "all":
        values = [reduce_values([number], "same") for number in numbers]
    elif reducer == "extent":
        values = [reduce_values(numbers, "min"), reduce_values(numbers, "max")]
    else:
        values = [reduce_values(numbers, reducer)]
    return tuple(value * UNITS[unit] for value in values)


def _same(values: tuple[float, ...], stored: tuple[float, ...]) -> bool:
    close = (abs(x - y) <= STORED_TOLERANCE * max(abs(x), abs(y)) for x, y in zip(values, stored, strict=False))
    return len(values) == len(stored) and all(close)
