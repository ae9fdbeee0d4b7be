"""What a claim is, and what can become of it."""

import enum
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property


class Status(enum.Enum):
    """Verdict on one claim, one audited row or one sealed file."""

    PASS = "pass"
    FAIL = "fail"  # evaluated, and not as stated
    MISSING = "missing"  # cannot be evaluated: no record, no such key, NaN
    MALFORMED = "malformed"  # the record is not a JSON document


# The first status found in this order decides; 0 only if every verdict is PASS.
EXIT_CODES = {Status.MALFORMED: 2, Status.MISSING: 3, Status.FAIL: 1}


@dataclass(frozen=True)
class Claim:
    """One number the paper prints: where it stands, where it comes from, how close it must be."""

    id: str
    sentence: str  # the claim in words; names the scale it was measured at
    place: str  # where the paper prints it
    records: tuple[str, ...]  # relative to the results folder
    select: str  # JMESPath, applied to each record
    quantity: str | None  # recomputed from each selected layer; None takes the selected numbers themselves
    within: str | None  # reducer over the values of one record, before `reduce`
    reduce: str  # reducer over all values, or a comparison with `reference`
    check: str
    stated: str  # as printed
    unit: str  # "", "%", "points", or "percent" where the record is in percent already
    tolerance: str  # "printed", "exact", or a number: then it is a waiver, counted, and `reason` says why
    reason: str  # why this tolerance
    reference: tuple[str, ...] = ()  # records that the others are compared with
    margin: str | None = (
        None  # of an equivalence test, in the claim's unit: the largest difference that does not matter
    )
    draws: str | None = (
        None  # of a forecast: JMESPath, lists of draws in each reference record, in the order of `select`
    )
    paired_on: str | None = None  # of forecasts and pairs: JMESPath that must find the same in record and reference
    file: str = ""  # the claims file
    line: int = 0  # of its id in that file

    @cached_property
    def number(self) -> Decimal:
        """The stated value, exactly as printed."""
        return Decimal(self.stated)

    @property
    def printed_unit(self) -> str:
        """What stands behind the number."""
        return "%" if self.unit == "percent" else self.unit

    @cached_property
    def last_digit(self) -> Decimal:
        """One unit of the last printed digit."""
        return Decimal(1).scaleb(self.number.as_tuple().exponent)

    @property
    def is_waiver(self) -> bool:
        """Whether its tolerance is wider than the printed precision."""
        return self.tolerance not in ("printed", "exact")


@dataclass(frozen=True)
class Verdict:
    """What became of one subject, with the evidence."""

    subject: str  # claim id, row id or file name
    status: Status
    detail: str  # the evidence in one line
    value: float | None = None  # recomputed, in the unit of what is stated
    values: tuple[float, ...] = ()  # what it was reduced from
    stated: str = ""  # as printed, with its unit
    sentence: str = ""
    source: tuple[str, ...] = ()  # where the values come from: file and selector, one text each
    file: str = ""  # the claims file and line that says so
    line: int = 0

    @property
    def n(self) -> int | None:
        """How many values went into it; None if it was not evaluated."""
        return len(self.values) or None
