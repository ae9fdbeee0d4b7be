"""A printed number, the readings of it in the paper's own data, and its replication in ours."""

from dataclasses import dataclass
from decimal import ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

# What the paper's data say. A verdict follows from the readings (see `evidence.derive_verdict`); it is never chosen.
VERDICTS = {
    "supported": "every reading of the statement agrees with what is printed",
    "contradicted": "no reading agrees",
    "ambiguous": "some readings agree and some do not",
    "unsupported": "nothing in the published files bears on it",
}

# What our records say (see `replication.replicate`).
REPLICATIONS = {
    "replicated": "our seeds and the printed number agree",
    "not_replicated": "they do not",
    "not_measured": "there are not enough records of ours that bear on it",
}


# What is printed of a value exactly between two: as claims do, unless the row says that it was printed otherwise.
TIES = {"even": ROUND_HALF_EVEN, "away from zero": ROUND_HALF_UP, "towards zero": ROUND_HALF_DOWN}


@dataclass(frozen=True)
class Part:
    """Where values come from: one file, one JMESPath selector, one quantity recomputed from what it selects."""

    file: str
    select: str
    quantity: str | None  # None takes the selected numbers themselves
    name: str = ""  # of the file, or the pattern of all


@dataclass(frozen=True)
class Reading:
    """One way to understand the statement, and how its value is recomputed from the rawest data there are."""

    meaning: str
    parts: tuple[Part, ...]
    reduce: str
    stored: tuple[Part, ...]  # a derived value the paper stores beside its raw data
    stored_agrees: bool  # whether that value is the recomputed one


@dataclass(frozen=True)
class Replication:
    """What our own records say of the same statement."""

    verdict: str
    reason: str
    variant: str | None  # experiment/variant.scale, all its frozen seeds; None if not measured
    select: str | None
    quantity: str | None
    reduce: str | None


@dataclass(frozen=True)
class Row:
    """One number the paper prints."""

    id: str
    sentence: str
    place: str
    printed: str  # verbatim
    rests_on: str  # a key of what the project says a number may be about
    stated: tuple[str, ...]  # the number or numbers that are tested, at printed precision
    check: str
    unit: str  # "" or "%"
    verdict: str
    reason: str
    readings: tuple[Reading, ...]
    absent: tuple[str, ...]  # words that no key and no text of the paper's files contains
    replication: Replication
    ties: str = "even"  # one of `TIES`
    file: str = ""  # the audit file
    line: int = 0  # of its id in that file

    @property
    def numbers(self) -> tuple[Decimal, ...]:
        """The stated values, exactly as printed."""
        return tuple(Decimal(text) for text in self.stated)
