"""TOML of which every key and type is known: nothing else gets in."""

import re
from decimal import Decimal, InvalidOperation
from itertools import accumulate, pairwise
from pathlib import Path

import tomli

from claimgate.errors import InputError, shown

# In the claims folder, but no claims.
PUBLISHED, FLOOR, NUMERALS = "published.toml", "floor.toml", "numerals.toml"
REVIEWED, FINDINGS, DOCUMENTS = "reviewed.toml", "findings.toml", "documents.toml"
MAX_BYTES = 8 * 2**20
_DECIMAL = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ID_LINE = re.compile(r"^[ \t]*id[ \t]*=", re.MULTILINE)


def read_toml(path: Path) -> dict:
    """Read a TOML file.

    Args:
        path: The file.

    Returns:
        Its document.

    Raises:
        InputError: If it is missing, no regular file, larger than `MAX_BYTES` or does not parse.
    """
    return read_toml_text(path)[0]


def read_toml_text(path: Path) -> tuple[dict, str]:
    """Read a TOML file that is also told by its lines.

    Args:
        path: The file.

    Returns:
        Its document and its text.

    Raises:
        InputError: As for `read_toml`.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: expected a regular file of at most {MAX_BYTES} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        return tomli.loads(text), text
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected a TOML file, got one that does not parse: {shown(str(error))}") from error


def id_lines(text: str, n: int) -> list[int]:
    """Find the lines on which the tables of a file name themselves.

    Args:
        text: Of a file that parses.
        n: How many tables it has.

    Returns:
        Line numbers, shape [n]; all 0 if the file is laid out so that they cannot be told.
    """
    starts = [match.start() for match in _ID_LINE.finditer(text)]
    if len(starts) != n:
        return [0] * n
    breaks = (text.count("\n", *ends) for ends in pairwise([0, *starts]))
    return list(accumulate(breaks, initial=1))[1:]


def filled_table(table: object, required: set[str], optional: dict, texts: set[str]) -> dict:
    """Check the keys of a table and fill in what is optional.

    Args:
        table: A parsed table.
        required: Keys it must have.
        optional: Keys it may have, with their defaults.
        texts: Keys whose value, where given, is a text that is not empty.

    Returns:
        The table with all keys.

    Raises:
        InputError: If it is no table, a key is missing or unknown, or a text is not one.
    """
    if not isinstance(table, dict):
        raise InputError(f"expected a table with the keys {', '.join(sorted(required))}, got {shown(table)}")
    if missing := required.difference(table):
        raise InputError(f"key {min(missing)!r} is missing")
    if unknown := table.keys() - required - optional.keys():
        raise InputError(f"unknown key {shown(min(unknown))}; expected: {', '.join(sorted({*required, *optional}))}")
    if empty := [
        key for key, value in table.items() if key in texts and (not isinstance(value, str) or not value.strip())
    ]:
        key = min(empty)
        raise InputError(f"expected {key} to be a text that is not empty, got {shown(table[key])}")
    return optional | table


def decimal_number(text: str) -> Decimal:
    """Read a stated number.

    Args:
        text: As printed.

    Returns:
        Its exact value.

    Raises:
        InputError: If it is not a finite decimal number of ordinary size.
    """
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise InputError(f"expected a decimal number, got {shown(text)}") from error
    if not value.is_finite() or abs(value.adjusted()) > 300 or len(text) > 40:
        raise InputError(f"expected a finite number of ordinary size, got {shown(text)}")
    if not _DECIMAL.fullmatch(text):  # what `Decimal` reads beside these ("2_5", "2.", "007") is not what is printed
        raise InputError(f"expected a decimal number as it is printed, got {shown(text)}")
    return value
