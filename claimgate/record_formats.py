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
from claimgate.array_files import MAX_BYTES, MAX_VALUES, read_npy, read_npz
from claimgate.errors import InputError, shown
from claimgate.evaluation import Laid

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE)


_AT_A_TIME = 2**28  # bytes: so many rows are read at once that no more can come of them


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
    return Laid(rows=[strict_json.loads(line, f"{name}, line {number}") for number, line in lines])


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
    rows = [{name: values[row] for name, values in columns.items()} for row in range(n)]
    return Laid(rows=rows, columns=columns)


def _parquet(content: bytes, name: str) -> dict:
    try:
        from pyarrow import ArrowException, BufferReader, parquet
    except ImportError as error:
        message = "reading Parquet takes pyarrow, which is not installed: pip install 'claimgate[parquet]'"
        raise LibraryMissing(message) from error
    try:
        with parquet.ParquetFile(BufferReader(content)) as file:
            table = _within_limits(file, name)
    except (ArrowException, OSError, ValueError, MemoryError) as error:
        raise InputError(f"{name}: expected a Parquet file, got what does not parse: {shown(str(error))}") from error
    if len(set(table.column_names)) < table.num_columns:
        raise InputError(f"{name}: expected each column name once, got {shown(table.column_names)}")
    return _table({column: table[column].to_pylist() for column in table.column_names}, table.num_rows)


def _within_limits(file, name: str):
    # What it declares first, then what there is, batch by batch: a run of equal texts takes a few bytes, and unpacks.
    from pyarrow import RecordBatch, Table, types

    told = file.metadata
    declared = sum(told.row_group(group).total_byte_size for group in range(told.num_row_groups))
    n_values = told.num_rows * max(1, told.num_columns)
    if declared > MAX_BYTES or n_values > MAX_VALUES:
        most = f"{MAX_BYTES} bytes and {MAX_VALUES} values"
        raise InputError(f"{name}: expected at most {most} unpacked, got {declared} and {n_values}")
    batches, n_bytes = [], 0
    for batch in file.iter_batches(batch_size=min(65536, max(16, _AT_A_TIME // max(1, declared)))):
        columns = [one.dictionary_decode() if types.is_dictionary(one.type) else one for one in batch.columns]
        batch = RecordBatch.from_arrays(columns, batch.schema.names)
        if "dictionary<" in str(batch.schema):  # within lists; what it unpacks to is not seen
            raise InputError(f"{name}: expected lists of plain values, got {shown(str(batch.schema))}")
        n_bytes += batch.nbytes
        if n_bytes > MAX_BYTES:
            raise InputError(f"{name}: expected at most {MAX_BYTES} bytes unpacked, got more: {n_bytes} at least")
        batches.append(batch)
    return Table.from_batches(batches) if batches else file.schema_arrow.empty_table()


READERS: dict[str, Callable[[bytes, str], object]] = {
    "json": strict_json.loads,
    "jsonl": _json_lines,
    "csv": _csv,
    "parquet": _parquet,
    "npy": read_npy,
    "npz": read_npz,
}
