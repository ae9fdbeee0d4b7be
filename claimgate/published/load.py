"""`claims/published.toml` to rows. Whatever is not exactly as expected is refused, with file, row and key."""

import re
from pathlib import Path

from claimgate.checks import REDUCERS
from claimgate.closed_toml import decimal_number, filled_table, id_lines, read_toml_text
from claimgate.errors import InputError, choose, shown
from claimgate.measured import require_measured
from claimgate.project import Audited, Project
from claimgate.published.evidence import READING_REDUCERS
from claimgate.published.row import REPLICATIONS, TIES, VERDICTS, Part, Reading, Replication, Row
from claimgate.select import compiled

N_STATED = {"equals": None, "inside": 2, "below": 1, "above": 1}  # None: one or more
_ID = re.compile(r"C\d{3}")
_VARIANT = re.compile(r"[a-z_]+/[A-Za-z0-9][A-Za-z0-9_.+=,-]*\.(\w+)")
_FILE = re.compile(r"[a-z0-9_]+|\*")
_ROW = {"id", "sentence", "place", "printed", "rests_on", "stated", "check", "verdict", "reason", "replication"}
_ROW_OPTIONAL = {"unit": "", "reading": [], "absent": [], "ties": "even"}
_READING = {"meaning", "from", "reduce"}
_READING_OPTIONAL = {"stored": [], "stored_agrees": True}
_PART = {"file", "select"}
_REPLICATION = {"verdict", "reason"}
_REPLICATION_OPTIONAL = {"variant": None, "select": None, "quantity": None, "reduce": None}
_TEXT_KEYS = {"id", "sentence", "place", "printed", "check", "verdict", "reason", "meaning", "reduce", "file", "select"}
_TEXT_KEYS |= {"quantity", "variant", "rests_on", "ties"}


def load_rows(path: Path, project: Project) -> list[Row]:
    """Read the audit file.

    Args:
        path: A TOML file of `[[row]]` tables, each with its `[[row.reading]]` and one `[row.replication]`.
        project: What it audits, and what may be recomputed.

    Returns:
        The rows in file order; at least one.

    Raises:
        InputError: If the file cannot be read, there is no row, a key is unknown or missing, a value is not of its
            closed list, or an id is used twice.
    """
    if project.audit is None:
        raise InputError(f"{path}: expected a module with AUDIT, which says what is audited; claimgate.toml names none")
    document, text = read_toml_text(path)
    tables = document.pop("row", None)
    if document or not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise InputError(f"{path}: expected at least one [[row]] table and nothing else")
    lines = id_lines(text, len(tables))
    rows = [_row(table, path, number, lines[number - 1], project) for number, table in enumerate(tables, start=1)]
    ids = [row.id for row in rows]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        raise InputError(f"{path}: id {twice} is used twice; ids must be unique")
    return rows


def _row(table: dict, path: Path, number: int, line: int, project: Project) -> Row:
    where = f"{path}, row {number} ({shown(table.get('id', 'no id'))})"
    try:
        row = _build(_checked(table, _ROW, _ROW_OPTIONAL) | {"file": str(path), "line": line}, project.audit)
        _validate(row, project)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return row


def _build(table: dict, audit: Audited) -> Row:
    readings = tuple(_reading(entry, audit) for entry in _tables(table.pop("reading"), "reading"))
    stated = table.pop("stated")
    replication = Replication(**_checked(table.pop("replication"), _REPLICATION, _REPLICATION_OPTIONAL))
    return Row(
        readings=readings,
        absent=tuple(_texts(table.pop("absent"), "absent")),
        stated=tuple(_texts([stated] if isinstance(stated, str) else stated, "stated")),
        replication=replication,
        **table,
    )


def _reading(entry: dict, audit: Audited) -> Reading:
    entry = _checked(entry, _READING, _READING_OPTIONAL)
    if not isinstance(entry["stored_agrees"], bool):
        raise InputError(f"expected stored_agrees to be true or false, got {shown(entry['stored_agrees'])}")
    parts, stored = (tuple(_part(part, audit) for part in _tables(entry[key], key)) for key in ("from", "stored"))
    if not parts:
        raise InputError("expected a reading to name at least one place in `from`")
    choose("reducer", entry["reduce"], READING_REDUCERS)
    return Reading(entry["meaning"], parts, entry["reduce"], stored, entry["stored_agrees"])


def _part(part: dict, audit: Audited) -> Part:
    part = _checked(part, _PART, {"quantity": None})
    if not _FILE.fullmatch(part["file"]):
        raise InputError(f"expected a file's short name or '*', got {shown(part['file'])}")
    compiled(part["select"])
    if part["quantity"] is not None:
        choose("quantity", part["quantity"], {**audit.quantities, **audit.list_quantities})
    return Part(**part, name=f"{audit.prefix}{part['file']}.json")


def _validate(row: Row, project: Project) -> None:
    if not _ID.fullmatch(row.id):
        raise InputError(f"expected an id like 'C001', got {shown(row.id)}")
    choose("check", row.check, N_STATED)
    choose("verdict", row.verdict, VERDICTS)
    choose("ties", row.ties, TIES)
    choose("rests_on", row.rests_on, project.audit.rests_on)
    if row.unit not in ("", "%"):
        raise InputError(f"expected unit '' or '%', got {shown(row.unit)}")
    if not row.stated or N_STATED[row.check] not in (None, len(row.stated)):
        raise InputError(f"check {row.check!r} takes {N_STATED[row.check] or 'some'} stated numbers, got {row.stated}")
    for text in row.stated:
        decimal_number(text)
    if bool(row.readings) == (row.verdict == "unsupported"):
        raise InputError(f"verdict {row.verdict!r} with {len(row.readings)} readings; unsupported means there is none")
    if bool(row.readings) == bool(row.absent):
        raise InputError("expected either readings, or `absent`: the words that no published file contains")
    _validate_replication(row.replication, project)


def _validate_replication(replication: Replication, project: Project) -> None:
    choose("replication verdict", replication.verdict, REPLICATIONS)
    given = (replication.variant, replication.select, replication.reduce)
    if replication.verdict == "not_measured":
        if any(value is not None for value in (*given, replication.quantity)):
            raise InputError("a replication that is not measured takes verdict and reason only")
        return
    if None in given:
        raise InputError("expected a measured replication to name variant, select and reduce")
    scales = set(project.scales) - set(project.unclaimed)
    match = _VARIANT.fullmatch(replication.variant)
    if match is None or match[1] not in scales or ".." in replication.variant:
        raise InputError(f"expected a variant like 'FOLDER/NAME.SCALE', got {shown(replication.variant)}")
    require_measured(replication.select, is_counted=replication.reduce == "count")
    choose("reducer", replication.reduce, REDUCERS)
    if replication.quantity is not None:
        choose("quantity", replication.quantity, project.quantities)


def _checked(table: object, required: set[str], optional: dict) -> dict:
    return filled_table(table, required, optional, _TEXT_KEYS)


def _tables(value: object, what: str) -> list[dict]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InputError(f"expected {what} to be a list of tables, got {shown(value)}")
    return value


def _texts(value: object, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise InputError(f"expected {what} to be a text or a list of texts, got {shown(value)}")
    return value
