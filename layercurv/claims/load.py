"""TOML files to claims. Whatever is not exactly as expected is refused, with file, claim and key."""

import re
import tomllib
from decimal import Decimal, InvalidOperation
from pathlib import Path

import jmespath
from jmespath.exceptions import JMESPathError

from layercurv.claims.checks import CHECKS, REDUCERS, accepted_interval
from layercurv.claims.claim import Claim
from layercurv.claims.quantities import QUANTITIES
from layercurv.errors import InputError, choose

_ID = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_RECORD = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9][A-Za-z0-9_.+=,-]*\.(paper|small|smoke)\.json")
_TEXTS = ("id", "sentence", "place", "select", "reduce", "check", "stated", "tolerance", "reason")
_OPTIONAL = {"quantity": None, "within": None, "unit": ""}


def load_claims(folder: Path) -> list[Claim]:
    """Read every `*.toml` of a folder.

    A file holds `[[claim]]` tables; `records` may also stand at its top, for all its claims that name none.

    Args:
        folder: The folder.

    Returns:
        The claims in file and line order; at least one.

    Raises:
        InputError: If the folder or a file cannot be read, there is no claim, a key is unknown or missing, an
            expression does not parse, or an id is used twice.
    """
    files = sorted(Path(folder).glob("*.toml")) if Path(folder).is_dir() else []
    claims = [claim for file in files for claim in _load_file(file)]
    if not claims:
        raise InputError(f"{folder}: expected a folder with at least one claim in *.toml files, found none")
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise InputError(f"{folder}: claim id {claim.id!r} is used twice; ids must be unique")
        seen.add(claim.id)
    return claims


def _load_file(file: Path) -> list[Claim]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{file}: expected a TOML file, got one that does not parse: {error}") from error
    shared, tables = document.pop("records", None), document.pop("claim", None)
    if document or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{file}: expected [[claim]] tables and an optional top-level `records`, nothing else")
    return [_claim(table, shared, f"{file}, claim {number}") for number, table in enumerate(tables, start=1)]


def _claim(table: dict, shared_records: object, where: str) -> Claim:
    table = _OPTIONAL | ({"records": shared_records} if shared_records is not None else {}) | table
    expected = {*_TEXTS, *_OPTIONAL, "records"}
    where = f"{where} ({table.get('id', 'no id')})"
    for key in sorted(expected - set(table)):
        raise InputError(f"{where}: key {key!r} is missing")
    for key in sorted(set(table) - expected):
        raise InputError(f"{where}: unknown key {key!r}; expected: {', '.join(sorted(expected))}")
    for key in _TEXTS:
        if not isinstance(table[key], str) or not table[key].strip():
            raise InputError(f"{where}: expected {key} to be a text that is not empty, got {table[key]!r}")
    records = table.pop("records")
    if not isinstance(records, list) or not records or not all(isinstance(r, str) for r in records):
        raise InputError(f"{where}: expected records to be a list of at least one path, got {records!r}")
    claim = Claim(records=tuple(records), **table)
    try:
        _validate(claim)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return claim


def _validate(claim: Claim) -> None:
    if not _ID.fullmatch(claim.id):
        raise InputError(f"expected an id like 'alpha_map.conv_median', got {claim.id!r}")
    for record in claim.records:
        _validate_record(claim, record)
    if len(set(claim.records)) < len(claim.records):
        raise InputError("a record is listed twice")
    choose("reducer", claim.reduce, REDUCERS)
    choose("check", claim.check, CHECKS)
    if claim.within is not None:
        choose("reducer", claim.within, REDUCERS)
    if claim.quantity is not None:
        choose("quantity", claim.quantity, QUANTITIES)
    if claim.unit not in ("", "%"):
        raise InputError(f"expected unit '' or '%', got {claim.unit!r}")
    _validate_numbers(claim)
    try:
        jmespath.compile(claim.select)
    except JMESPathError as error:
        raise InputError(f"select is not a JMESPath expression: {error}") from error
    accepted_interval(claim)


def _validate_record(claim: Claim, record: str) -> None:
    match = _RECORD.fullmatch(record)
    if match is None or ".." in record:
        raise InputError(f"expected a record path like 'alpha_map/NAME.small.json', got {record!r}")
    if match[1] == "smoke":
        raise InputError(f"{record}: a claim never rests on a smoke record")
    if f"{match[1]} scale" not in claim.sentence.lower():
        raise InputError(f"{record} was measured at {match[1]} scale; the sentence must say '{match[1]} scale'")


def _validate_numbers(claim: Claim) -> None:
    numbers = [claim.stated] if claim.tolerance in ("printed", "exact") else [claim.stated, claim.tolerance]
    for text in numbers:
        try:
            value = Decimal(text)
        except InvalidOperation as error:
            raise InputError(f"expected a decimal number, got {text!r}") from error
        if not value.is_finite() or abs(value.adjusted()) > 300:
            raise InputError(f"expected a finite number of ordinary size, got {text!r}")
    if claim.tolerance not in ("printed", "exact") and Decimal(claim.tolerance) < 0:
        raise InputError(f"expected a tolerance of at least 0, got {claim.tolerance!r}")
