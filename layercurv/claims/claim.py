"""What a claim is, and what can become of it."""

import enum
from dataclasses import dataclass
from decimal import Decimal


class Status(enum.Enum):
    """Verdict on one claim or one sealed file."""

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
    reduce: str  # reducer over all values
    check: str
    stated: str  # as printed
    unit: str  # "" or "%"
    tolerance: str  # "printed", "exact", or a number
    reason: str  # why this tolerance

    @property
    def number(self) -> Decimal:
        """The stated value, exactly as printed."""
        return Decimal(self.stated)

    @property
    def last_digit(self) -> Decimal:
        """One unit of the last printed digit."""
        return Decimal(1).scaleb(self.number.as_tuple().exponent)


@dataclass(frozen=True)
class Verdict:
    """What became of one claim, or of one sealed file (then `claim` is None)."""

    subject: str  # claim id or file name
    status: Status
    detail: str  # the evidence in one line
    claim: Claim | None = None
    value: float | None = None  # recomputed, in the claim's unit
    n: int | None = None  # values that went into it
