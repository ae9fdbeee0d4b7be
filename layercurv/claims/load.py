"""TOML files to claims. Whatever is not exactly as expected is refused, with file, claim and key."""

import re
from decimal import Decimal
from pathlib import Path

from layercurv.claims.checks import CHECKS, COMPARISONS, FORECASTS, PAIRED, REDUCERS, UNITS, accepted_interval
from layercurv.claims.claim import Claim
from layercurv.claims.closed_toml import (
    DOCUMENTS,
    FINDINGS,
    FLOOR,
    NUMERALS,
    PUBLISHED,
    REVIEWED,
    decimal_number,
    filled_table,
    id_lines,
    read_toml,
)
from layercurv.claims.published.frozen import NAME as AUDIT
from layercurv.claims.quantities import QUANTITIES
from layercurv.claims.select import compiled
from layercurv.errors import InputError, choose, shown

_OTHERS = (
    PUBLISHED,
    FLOOR,
    NUMERALS,
    REVIEWED,
    FINDINGS,
    DOCUMENTS,
)  # of the claims folder; every other *.toml holds claims

_ID = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_RECORD = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9][A-Za-z0-9_.+=,-]*\.(paper|small|smoke)\.json")
_TEXTS = ("id", "sentence", "place", "select", "reduce", "check", "stated", "tolerance", "reason")
_OPTIONAL = {
    "quantity": None,
    "within": None,
    "unit": "",
    "reference": [],
    "margin": None,
    "draws": None,
    "paired_on": None,
}
_ALL_TEXTS = {*_TEXTS, "quantity", "within", "margin", "draws", "paired_on"}


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
    claims = [claim for file in files if file.name not in _OTHERS for claim in _load_file(file)]
    if not claims:
        raise InputError(f"{folder}: expected a folder with at least one claim in *.toml files, found none")
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise InputError(f"{folder}: claim id {claim.id!r} is used twice; ids must be unique")
        seen.add(claim.id)
    return claims


def _load_file(file: Path) -> list[Claim]:
    document = read_toml(file)
    shared, tables = document.pop("records", None), document.pop("claim", None)
    if document or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{file}: expected [[claim]] tables and an optional top-level `records`, nothing else")
    numbered = enumerate(zip(tables, id_lines(file, len(tables)), strict=True), start=1)
    return [_claim(table, shared, file, number, line) for number, (table, line) in numbered]


def _claim(table: dict, shared_records: object, file: Path, number: int, line: int) -> Claim:
    where = f"{file}, claim {number} ({shown(table.get('id', 'no id'))})"
    shared = {} if shared_records is None else {"records": shared_records}
    try:
        table = filled_table(shared | table, required={*_TEXTS, "records"}, optional=_OPTIONAL, texts=_ALL_TEXTS)
        records, reference = (_paths(table.pop(key), key) for key in ("records", "reference"))
        if not records:
            raise InputError("expected records to be a list of at least one path, got []")
        claim = Claim(records=records, reference=reference, file=str(file), line=line, **table)
        _validate(claim)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return claim


def _paths(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise InputError(f"expected {key} to be a list of paths, got {shown(value)}")
    return tuple(value)


def _validate(claim: Claim) -> None:
    if not _ID.fullmatch(claim.id):
        raise InputError(f"expected an id like 'alpha_map.conv_median', got {shown(claim.id)}")
    named = (*claim.records, *claim.reference)
    for record in named:
        _validate_record(claim, record)
    if len(set(named)) < len(named):
        raise InputError("a record is listed twice")
    if claim.reduce in FORECASTS:
        _validate_forecast(claim)
    elif claim.draws is not None:
        raise InputError(f"expected `draws` with {', '.join(FORECASTS)} only, got {claim.reduce}")
    else:
        choose("reducer", claim.reduce, COMPARISONS if claim.reference else REDUCERS)
        if claim.reference and claim.within is None:
            raise InputError("a comparison takes one value of each record: name the reducer in `within`")
        _validate_pairs(claim)
    if (claim.reduce == "equivalence_p") != (claim.margin is not None):
        raise InputError("expected a margin with equivalence_p, and with nothing else")
    choose("check", claim.check, CHECKS)
    if claim.within is not None:
        choose("reducer", claim.within, REDUCERS)
    if claim.quantity is not None:
        choose("quantity", claim.quantity, QUANTITIES)
    if claim.unit not in UNITS:
        raise InputError(f"expected unit '', '%', 'points' or 'percent', got {shown(claim.unit)}")
    _validate_numbers(claim)
    compiled(claim.select)
    accepted_interval(claim)


def _validate_forecast(claim: Claim) -> None:
    if len(claim.reference) != len(claim.records) or claim.draws is None or claim.paired_on is None:
        raise InputError(
            f"{claim.reduce} takes one reference record for each record, and `draws` and `paired_on`; got "
            f"{len(claim.records)} records and {len(claim.reference)} references"
        )
    if claim.within is not None:
        raise InputError(f"{claim.reduce} compares item by item: leave out `within`")
    compiled(claim.draws)
    compiled(claim.paired_on)


def _validate_pairs(claim: Claim) -> None:
    if (claim.reduce in PAIRED) != (claim.paired_on is not None):
        raise InputError(f"expected `paired_on` with {', '.join((*PAIRED, *FORECASTS))}, and with nothing else")
    if claim.paired_on is not None:
        if len(claim.reference) != len(claim.records):
            raise InputError(
                f"{claim.reduce} takes one reference record for each record; got {len(claim.records)} records and "
                f"{len(claim.reference)} references"
            )
        compiled(claim.paired_on)


def _validate_record(claim: Claim, record: str) -> None:
    if record == AUDIT:
        return  # the one record without a scale
    match = _RECORD.fullmatch(record)
    if match is None or ".." in record:
        raise InputError(f"expected a record path like 'alpha_map/NAME.small.json', got {shown(record)}")
    if match[1] == "smoke":
        raise InputError(f"{record}: a claim never rests on a smoke record")
    if f"{match[1]} scale" not in claim.sentence.lower():
        raise InputError(f"{record} was measured at {match[1]} scale; the sentence must say '{match[1]} scale'")


def _validate_numbers(claim: Claim) -> None:
    decimal_number(claim.stated)
    if claim.margin is not None and decimal_number(claim.margin) <= Decimal(0):
        raise InputError(f"expected a margin above 0, got {claim.margin!r}")
    if claim.is_waiver and decimal_number(claim.tolerance) <= Decimal(0):
        raise InputError(f"expected a tolerance above 0, or 'exact', got {claim.tolerance!r}")
