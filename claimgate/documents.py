"""Numbers in README.md and EXPERIMENTS.md that were measured: each is what a claim states or a record holds.

`claims/documents.toml` repeats the words of a document with its measured numbers in braces, and says where each comes
from. The document must hold just these words once, and each number must be the value rounded as it is printed.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from claimgate.checks import REDUCERS, Disagreement, NotEvaluable, half_unit, is_rounded_to, reduce_values
from claimgate.claim import Claim, Status, Verdict
from claimgate.closed_toml import DOCUMENTS, decimal_number, filled_table, read_toml
from claimgate.engine import select_quantities
from claimgate.errors import InputError, choose, shown
from claimgate.records import SealedRecords
from claimgate.select import compiled

_NUMBER = re.compile(r"\{([^{}]*)\}")
_RATIO = " over "


@dataclass(frozen=True)
class Bound:
    """Words of a document, with the numbers in them and where each comes from."""

    document: str
    text: str  # numbers in braces
    of: tuple[str, ...]  # a claim's id, or "record | JMESPath | reducer"; two JMESPaths with "over" between are divided

    @property
    def numbers(self) -> list[str]:
        """The numbers as printed."""
        return _NUMBER.findall(self.text)

    @property
    def words(self) -> str:
        """The text as it stands in the document."""
        return " ".join(_NUMBER.sub(r"\1", self.text).split())


def load_bound(folder: Path) -> list[Bound]:
    """Read `documents.toml`, if there is one.

    Args:
        folder: The claims folder.

    Returns:
        Its entries.

    Raises:
        InputError: If it is malformed.
    """
    path = Path(folder) / DOCUMENTS
    document = read_toml(path) if path.is_file() else {}
    tables = document.pop("bound", [])
    if document or not isinstance(tables, list):
        raise InputError(f"{path}: expected [[bound]] tables and nothing else")
    try:
        return [_bound(table) for table in tables]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def judge_documents(root: Path, bound: list[Bound], claims: list[Claim], records: SealedRecords) -> list[Verdict]:
    """Hold documents against claims and records.

    Args:
        root: The checkout.
        bound: From `load_bound`.
        claims: All claims.
        records: The sealed records.

    Returns:
        One verdict per entry.
    """
    by_id = {claim.id: claim for claim in claims}
    texts = {one.document: _words_of(root / one.document) for one in bound}
    return [_judge(one, texts[one.document], by_id, records) for one in bound]


def _bound(table: object) -> Bound:
    table = filled_table(table, {"document", "text", "of"}, {}, {"document", "text"})
    of = table["of"]
    if not isinstance(of, list) or not of or not all(isinstance(item, str) for item in of):
        raise InputError(f"expected `of` to be a list of claim ids or 'record | select | reducer', got {shown(of)}")
    found = Bound(table["document"], table["text"], tuple(of))
    if ("/" in found.document and ".." in found.document) or len(found.numbers) != len(of):
        raise InputError(f"expected one source for each number in braces, got {shown(table)}")
    for number, item in zip(found.numbers, of, strict=True):
        decimal_number(number.replace(",", ""))
        if "|" in item:
            _, select, reducer = _parts(item)
            for part in select.split(_RATIO):
                compiled(part)
            choose("reducer", reducer, REDUCERS)
    return found


def _parts(item: str) -> list[str]:
    record, _, rest = item.partition("|")
    select, _, reducer = rest.rpartition("|")
    return [part.strip() for part in (record, select, reducer)]


def _words_of(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path}: expected the document that {DOCUMENTS} names, found none")
    return " ".join(path.read_text(encoding="utf-8", errors="replace").split())


def _judge(bound: Bound, text: str, claims: dict[str, Claim], records: SealedRecords) -> Verdict:
    subject = f"{bound.document}: {shown(bound.words, 60)}"
    if (n := text.count(bound.words)) != 1:
        return Verdict(subject, Status.FAIL, f"expected these words once, found {n} times: {shown(bound.words, 300)}")
    wrong, missing = [], []
    for number, item in zip(bound.numbers, bound.of, strict=True):
        try:
            if (found := _disagreement(number, item, claims, records)) is not None:
                wrong.append(found)
        except (NotEvaluable, Disagreement, ZeroDivisionError) as reason:
            missing.append(f"{item}: {reason}")
    status = Status.MISSING if missing else Status.FAIL if wrong else Status.PASS
    return Verdict(subject, status, "; ".join([*missing, *wrong]) or f"{len(bound.of)} numbers as recorded")


def _disagreement(number: str, item: str, claims: dict[str, Claim], records: SealedRecords) -> str | None:
    printed = Decimal(number.replace(",", ""))
    if "|" not in item:
        if item not in claims:
            raise NotEvaluable("no such claim")
        return None if claims[item].number == printed else f"{number} is printed, {item} states {claims[item].stated}"
    record, select, reducer = _parts(item)
    if (problem := records.get(record)[1]) is not None:
        raise NotEvaluable(problem[1])
    columns = [select_quantities(records, record, part, None) for part in select.split(_RATIO)]
    values = columns[0] if len(columns) == 1 else [a / b for a, b in zip(*columns, strict=True)]
    value = Decimal(repr(reduce_values(values, reducer)))
    is_printed_so = abs(value - printed) <= half_unit(printed) and is_rounded_to(value, printed)
    return None if is_printed_so else f"{number} is printed, {item} gives {value:.6g}"
