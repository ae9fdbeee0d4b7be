"""Record files to documents that JMESPath selects from: JSON, JSON Lines, CSV, Parquet, and NumPy's .npy and .npz.

| format | document |
| --- | --- |
| `.json` | itself |
| `.jsonl` | `{"rows": [one for each line]}` |
| `.csv`, `.parquet` | `{"rows": [{column: value}], "columns": {column: [value]}}`; an empty cell is null |
| `.npy` | `{"values": nested lists, "shape": [...]}` |
| `.npz` | `{name: {"values", "shape"}}` |
"""

import io
import re
from collections.abc import Callable

from claimgate import strict_json
from claimgate.errors import InputError, shown

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE)


class LibraryMissing(Exception):  # ruff: ignore[error-suffix-on-exception-name] - a reason, not an error of the program
    """A format that only an optional library reads; the message says how to get it."""


def parse_record(content: bytes, name: str) -> object:
    """Parse a record by the end of its name.

    Args:
        content: The bytes of the file.
        name: Its path below the folder of records.

    Returns:
        The document.

    Raises:
        InputError: If it is not what its name says, or not UTF-8 where it is text.
        LibraryMissing: If reading it takes a library that is not installed.
    """
    try:
        return READERS[name.rpartition(".")[2]](content, name)
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text") from error


def _json_lines(content: bytes, name: str) -> dict:
    lines = enumerate(content.removesuffix(b"\n").split(b"\n") if content else (), start=1)
    return {"rows": [strict_json.loads(line, f"{name}, line {number}") for number, line in lines]}


def _csv(content: bytes, name: str) -> dict:
    import csv

    text = content.decode("utf-8-sig")
    try:
        header, *lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line] or [[]]
    except csv.Error as error:
        raise InputError(f"{name}: expected a CSV file, got one that does not parse: {error}") from error
    if not header or len(set(header)) < len(header):
        raise InputError(f"{name}: expected a first line of column names, each once, got {shown(header)}")
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise InputError(f"{name}, row {number}: expected {len(header)} cells, got {len(line)}")
    return _table({column: [_cell(line[place]) for line in lines] for place, column in enumerate(header)}, len(lines))


def _cell(text: str) -> object:
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text or None


def _table(columns: dict[str, list], n: int) -> dict:
    return {"rows": [{name: values[row] for name, values in columns.items()} for row in range(n)], "columns": columns}


def _parquet(content: bytes, name: str) -> dict:
    try:
        from pyarrow import ArrowException, BufferReader, parquet
    except ImportError as error:
        message = "reading Parquet takes pyarrow, which is not installed: pip install 'claimgate[parquet]'"
        raise LibraryMissing(message) from error
    try:
        table = parquet.read_table(BufferReader(content))
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"{name}: expected a Parquet file, got what does not parse: {shown(str(error))}") from error
    if len(set(table.column_names)) < table.num_columns:
        raise InputError(f"{name}: expected each column name once, got {shown(table.column_names)}")
    return _table({column: table[column].to_pylist() for column in table.column_names}, table.num_rows)


def _npy(content: bytes, name: str) -> dict:
    import numpy as np

    try:
        return _array(np.lib.format.read_array(io.BytesIO(content), allow_pickle=False), name)
    except (OSError, ValueError, EOFError, SyntaxError, TypeError) as error:
        raise InputError(f"{name}: expected a NumPy array, got one that does not parse: {shown(str(error))}") from error


def _npz(content: bytes, name: str) -> dict:
    from zipfile import BadZipFile

    import numpy as np

    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            if len(set(archive.files)) < len(archive.files):
                raise InputError(f"{name}: expected each array name once, got {shown(archive.files)}")
            return {key: _array(archive[key], name) for key in archive.files}
    except (OSError, ValueError, EOFError, SyntaxError, BadZipFile, AttributeError, TypeError) as error:
        raise InputError(f"{name}: expected NumPy arrays, got what does not parse: {shown(str(error))}") from error


def _array(array, name: str) -> dict:
    if array.dtype.kind not in "biufUS" or (array.dtype.kind == "f" and array.dtype.itemsize > 8):
        raise InputError(f"{name}: expected numbers up to float64 or texts, got an array of {array.dtype}")
    return {"values": array.tolist(), "shape": list(array.shape)}


READERS: dict[str, Callable[[bytes, str], object]] = {
    "json": strict_json.loads,
    "jsonl": _json_lines,
    "csv": _csv,
    "parquet": _parquet,
    "npy": _npy,
    "npz": _npz,
}
