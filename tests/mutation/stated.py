"""(a) Every stated value moved by one and two units in its last printed digit."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from claimgate.claim import Claim, Status
from claimgate.engine import judge
from claimgate.published.audit import judge_row
from claimgate.published.frozen import FrozenAudit
from claimgate.published.row import Row
from claimgate.records import SealedRecords
from tests.mutation.report import Report

UNITS = (-2, -1, 1, 2)
# A bound with a meaning of its own ("at most 1e-9", rounding) is not a measured value: moved, it may be true still.
FREE_BOUNDS = ("below", "above")


def move_stated_values(claims: list[Claim], rows: list[Row], records: SealedRecords, report: Report) -> None:
    for claim in claims:
        for units in UNITS:
            moved = replace(claim, stated=_moved(claim.stated, units))
            failed = judge(moved, records).status is not Status.PASS
            matters = claim.check not in FREE_BOUNDS
            report.add("stated", Path(claim.file).name, f"{claim.id}: {moved.stated}", int(failed), matters)
    frozen = FrozenAudit(records)
    for row in rows:
        for position, text in enumerate(row.stated):
            for units in UNITS:
                stated = (*row.stated[:position], _moved(text, units), *row.stated[position + 1 :])
                failed = judge_row(replace(row, stated=stated), frozen, None).status is not Status.PASS
                report.add("stated", Path(row.file).name, f"{row.id}: {', '.join(stated)}", int(failed))


def _moved(text: str, units: int) -> str:
    number = Decimal(text)
    return str(number + units * Decimal(1).scaleb(number.as_tuple().exponent))
