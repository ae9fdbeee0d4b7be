"""TOML of which every key and type is known: nothing else gets in."""

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

import tomli

from claimgate.errors import InputError, shown

# In the claims folder, but no claims.
PUBLISHED, FLOOR, NUMERALS = "published.toml", "floor.toml", "numerals.toml"
REVIEWED, FINDINGS, DOCUMENTS = "reviewed.toml", "findings.toml", "documents.toml"
MAX_BYTES = 8 * 2**20
_ID_LINE = re.compile(r"\s*id\s*=")


def read_toml(path: Path) -> dict:
    """Read a TOML file.

    Args:
        path: The file.

    Returns:
        Its document.

    Raises:
        InputError: If it is missing, no regular file, larger than `MAX_BYTES` or does not parse.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: expected a regular file of at most {MAX_BYTES} bytes")
    try:
        return tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected a TOML file, got one that does not parse: {shown(str(error))}") from error


def id_lines(path: Path, n: int) -> list[int]:
    """Find the lines on which the tables of a file name themselves.

    Args:
        path: A file that parses.
        n: How many tables it has.

    Returns:
        Line numbers, shape [n]; all 0 if the file is laid out so that they cannot be told.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    found = [number for number, line in enumerate(lines, start=1) if _ID_LINE.match(line)]
    return found if len(found) == n else [0] * n


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
    for key in sorted(required - table.keys()):
        raise InputError(f"key {key!r} is missing")
    for key in sorted(table.keys() - required - optional.keys()):
        raise InputError(f"unknown key {shown(key)}; expected: {', '.join(sorted({*required, *optional}))}")
    for key in sorted(texts & table.keys()):
        if not isinstance(table[key], str) or not table[key].strip():
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
    return value
