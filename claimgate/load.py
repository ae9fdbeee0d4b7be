"""TOML files to claims. Whatever is not exactly as expected is refused, with file, claim and key."""

import re
from decimal import Decimal
from pathlib import Path

from claimgate.checks import CHECKS, COMPARISONS, FORECASTS, PAIRED, REDUCERS, UNITS, accepted_interval
from claimgate.claim import Claim
from claimgate.closed_toml import (
    DOCUMENTS,
    FINDINGS,
    FLOOR,
    NUMERALS,
    PUBLISHED,
    REVIEWED,
    decimal_number,
    filled_table,
    id_lines,
    read_toml_text,
)
from claimgate.errors import InputError, choose, shown
from claimgate.manifest import is_record_name
from claimgate.measured import require_measured
from claimgate.project import Project

_OTHERS = (
    PUBLISHED,
    FLOOR,
    NUMERALS,
    REVIEWED,
    FINDINGS,
    DOCUMENTS,
)  # of the claims folder; every other *.toml holds claims

_ID = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_TEXTS = ("id", "sentence", "place", "select", "reduce", "check", "stated", "tolerance", "reason")
_REQUIRED = {*_TEXTS, "records"}
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


def load_claims(folder: Path, project: Project) -> list[Claim]:
    """Read every `*.toml` of a folder.

    A file holds `[[claim]]` tables; `records` may also stand at its top, for all its claims that name none.

    Args:
        folder: The folder.
        project: Names records and quantities.

    Returns:
        The claims in file and line order; at least one.

    Raises:
        InputError: If the folder or a file cannot be read, there is no claim, a key is unknown or missing, an
            expression does not parse, or an id is used twice.
    """
    files = sorted(Path(folder).glob("*.toml")) if Path(folder).is_dir() else []
    claims = [claim for file in files if file.name not in _OTHERS for claim in _load_file(file, project)]
    if not claims:
        raise InputError(f"{folder}: expected a folder with at least one claim in *.toml files, found none")
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise InputError(f"{folder}: claim id {claim.id!r} is used twice; ids must be unique")
        seen.add(claim.id)
    return claims


def _load_file(file: Path, project: Project) -> list[Claim]:
    document, text = read_toml_text(file)
    shared, tables = document.pop("records", None), document.pop("claim", None)
    if document or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{file}: expected [[claim]] tables and an optional top-level `records`, nothing else")
    shared = {} if shared is None else {"records": shared}
    claims, name = [], str(file)
    for table, line in zip(tables, id_lines(text, len(tables)), strict=True):
        try:
            claims.append(_claim(shared | table, name, line, project))
        except InputError as error:
            where = f"{file}, claim {len(claims) + 1} ({shown(table.get('id', 'no id'))})"
            raise InputError(f"{where}: {error}") from error
    return claims


def _claim(table: dict, file: str, line: int, project: Project) -> Claim:
    table = filled_table(table, required=_REQUIRED, optional=_OPTIONAL, texts=_ALL_TEXTS)
    table["records"], table["reference"] = (_paths(table[key], key) for key in ("records", "reference"))
    if not table["records"]:
        raise InputError("expected records to be a list of at least one path, got []")
    claim = Claim(**table, file=file, line=line)
    _validate(claim, project)
    return claim


def _paths(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise InputError(f"expected {key} to be a list of paths, got {shown(value)}")
    return tuple(value)


def _validate(claim: Claim, project: Project) -> None:
    if not _ID.fullmatch(claim.id):
        raise InputError(f"expected an id like 'alpha_map.conv_median', got {shown(claim.id)}")
    named = (*claim.records, *claim.reference)
    for record in named:
        _validate_record(claim, record, project)
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
        choose("quantity", claim.quantity, project.quantities)
    if claim.unit not in UNITS:
        raise InputError(f"expected unit '', '%', 'points' or 'percent', got {shown(claim.unit)}")
    _validate_numbers(claim)
    require_measured(claim.select, is_counted="count" in (claim.reduce, claim.within))
    if claim.check != "equals":  # which takes any tolerance
        accepted_interval(claim)


def _validate_forecast(claim: Claim) -> None:
    if len(claim.reference) != len(claim.records) or claim.draws is None or claim.paired_on is None:
        raise InputError(
            f"{claim.reduce} takes one reference record for each record, and `draws` and `paired_on`; got "
            f"{len(claim.records)} records and {len(claim.reference)} references"
        )
    if claim.within is not None:
        raise InputError(f"{claim.reduce} compares item by item: leave out `within`")
    require_measured(claim.draws)
    require_measured(claim.paired_on, of_lists=True)


def _validate_pairs(claim: Claim) -> None:
    if (claim.reduce in PAIRED) != (claim.paired_on is not None):
        raise InputError(f"expected `paired_on` with {', '.join((*PAIRED, *FORECASTS))}, and with nothing else")
    if claim.paired_on is not None:
        if len(claim.reference) != len(claim.records):
            raise InputError(
                f"{claim.reduce} takes one reference record for each record; got {len(claim.records)} records and "
                f"{len(claim.reference)} references"
            )
        require_measured(claim.paired_on, of_lists=True)


def _validate_record(claim: Claim, record: str, project: Project) -> None:
    if record in project.without_scale:
        return
    if not is_record_name(record):
        example = f"FOLDER/NAME{''.join(f'.{scale}' for scale in project.scales[:1])}.json"
        raise InputError(f"expected a record path like {example!r}, got {shown(record)}")
    if not project.scales:
        return
    scale = record.rpartition(".")[0].rpartition(".")[2]
    if scale not in project.scales:
        raise InputError(f"{record}: expected NAME.SCALE.FORMAT with one of the scales {', '.join(project.scales)}")
    if scale in project.unclaimed:
        raise InputError(f"{record}: a claim never rests on a {scale} record")
    if f"{scale} scale" not in claim.sentence.lower():
        raise InputError(f"{record} was measured at {scale} scale; the sentence must say '{scale} scale'")


def _validate_numbers(claim: Claim) -> None:
    decimal_number(claim.stated)
    if claim.margin is not None and decimal_number(claim.margin) <= Decimal(0):
        raise InputError(f"expected a margin above 0, got {claim.margin!r}")
    if claim.is_waiver and decimal_number(claim.tolerance) <= Decimal(0):
        raise InputError(f"expected a tolerance above 0, or 'exact', got {claim.tolerance!r}")
