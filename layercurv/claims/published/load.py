"""`claims/published.toml` to rows. Whatever is not exactly as expected is refused, with file, row and key."""

import re
from pathlib import Path

from layercurv.claims.checks import REDUCERS
from layercurv.claims.closed_toml import decimal_number, filled_table, id_lines, read_toml
from layercurv.claims.published.evidence import READING_REDUCERS
from layercurv.claims.published.row import REPLICATIONS, RESTS_ON, VERDICTS, Part, Reading, Replication, Row
from layercurv.claims.published.source_list_quantities import LIST_QUANTITIES
from layercurv.claims.published.source_quantities import QUANTITIES
from layercurv.claims.quantities import QUANTITIES as OWN_QUANTITIES
from layercurv.claims.select import compiled
from layercurv.errors import InputError, choose, shown

N_STATED = {"equals": None, "inside": 2, "below": 1, "above": 1}  # None: one or more
_ID = re.compile(r"C\d{3}")
_VARIANT = re.compile(r"[a-z_]+/[A-Za-z0-9][A-Za-z0-9_.+=,-]*\.(paper|small)")
_FILE = re.compile(r"[a-z0-9_]+|\*")
_ROW = {"id", "sentence", "place", "printed", "rests_on", "stated", "check", "verdict", "reason", "replication"}
_ROW_OPTIONAL = {"unit": "", "reading": [], "absent": []}
_READING = {"meaning", "from", "reduce"}
_READING_OPTIONAL = {"stored": [], "stored_agrees": True}
_PART = {"file", "select"}
_REPLICATION = {"verdict", "reason"}
_REPLICATION_OPTIONAL = {"variant": None, "select": None, "quantity": None, "reduce": None}
_TEXT_KEYS = {"id", "sentence", "place", "printed", "check", "verdict", "reason", "meaning", "reduce", "file", "select"}
_TEXT_KEYS |= {"quantity", "variant", "rests_on"}


def load_rows(path: Path) -> list[Row]:
    """Read the audit file.

    Args:
        path: A TOML file of `[[row]]` tables, each with its `[[row.reading]]` and one `[row.replication]`.

    Returns:
        The rows in file order; at least one.

    Raises:
        InputError: If the file cannot be read, there is no row, a key is unknown or missing, a value is not of its
            closed list, or an id is used twice.
    """
    document = read_toml(path)
    tables = document.pop("row", None)
    if document or not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise InputError(f"{path}: expected at least one [[row]] table and nothing else")
    lines = id_lines(path, len(tables))
    rows = [_row(table, path, number, lines[number - 1]) for number, table in enumerate(tables, start=1)]
    ids = [row.id for row in rows]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        raise InputError(f"{path}: id {twice} is used twice; ids must be unique")
    return rows


def _row(table: dict, path: Path, number: int, line: int) -> Row:
    where = f"{path}, row {number} ({shown(table.get('id', 'no id'))})"
    try:
        row = _build(_checked(table, _ROW, _ROW_OPTIONAL) | {"file": str(path), "line": line})
        _validate(row)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return row


def _build(table: dict) -> Row:
    readings = tuple(_reading(entry) for entry in _tables(table.pop("reading"), "reading"))
    stated = table.pop("stated")
    replication = Replication(**_checked(table.pop("replication"), _REPLICATION, _REPLICATION_OPTIONAL))
    return Row(
        readings=readings,
        absent=tuple(_texts(table.pop("absent"), "absent")),
        stated=tuple(_texts([stated] if isinstance(stated, str) else stated, "stated")),
        replication=replication,
        **table,
    )


def _reading(entry: dict) -> Reading:
    entry = _checked(entry, _READING, _READING_OPTIONAL)
    if not isinstance(entry["stored_agrees"], bool):
        raise InputError(f"expected stored_agrees to be true or false, got {shown(entry['stored_agrees'])}")
    parts, stored = (tuple(_part(part) for part in _tables(entry[key], key)) for key in ("from", "stored"))
    if not parts:
        raise InputError("expected a reading to name at least one place in `from`")
    choose("reducer", entry["reduce"], READING_REDUCERS)
    return Reading(entry["meaning"], parts, entry["reduce"], stored, entry["stored_agrees"])


def _part(part: dict) -> Part:
    part = _checked(part, _PART, {"quantity": None})
    if not _FILE.fullmatch(part["file"]):
        raise InputError(f"expected a file like 'alpha_triangle' or '*', got {shown(part['file'])}")
    compiled(part["select"])
    if part["quantity"] is not None:
        choose("quantity", part["quantity"], {**QUANTITIES, **LIST_QUANTITIES})
    return Part(**part)


def _validate(row: Row) -> None:
    if not _ID.fullmatch(row.id):
        raise InputError(f"expected an id like 'C001', got {shown(row.id)}")
    choose("check", row.check, N_STATED)
    choose("verdict", row.verdict, VERDICTS)
    choose("rests_on", row.rests_on, RESTS_ON)
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
    _validate_replication(row.replication)


def _validate_replication(replication: Replication) -> None:
    choose("replication verdict", replication.verdict, REPLICATIONS)
    given = (replication.variant, replication.select, replication.reduce)
    if replication.verdict == "not_measured":
        if any(value is not None for value in (*given, replication.quantity)):
            raise InputError("a replication that is not measured takes verdict and reason only")
        return
    if None in given:
        raise InputError("expected a measured replication to name variant, select and reduce")
    if not _VARIANT.fullmatch(replication.variant) or ".." in replication.variant:
        raise InputError(
            f"expected a variant like 'alpha_map/resnet18_cifar10.small', got {shown(replication.variant)}"
        )
    compiled(replication.select)
    choose("reducer", replication.reduce, REDUCERS)
    if replication.quantity is not None:
        choose("quantity", replication.quantity, OWN_QUANTITIES)


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
