"""NumPy's files: what is in an .npy or .npz, no more of it read than a record may hold.

A few bytes can say that they are very many: an archive unpacks, and the header of an array names any shape. What is
declared is looked at first, and what there is is counted while it is read.
"""

import io
import math
from collections.abc import Iterator

from claimgate.errors import InputError, shown
from claimgate.evaluation import Laid

MAX_BYTES = 64 * 2**20  # of one record, as it lies there and unpacked
MAX_VALUES = MAX_BYTES // 8  # of all its arrays: each becomes a Python object of some ten bytes
_PIECE = 2**20


def read_npy(content: bytes, name: str) -> dict:
    """Read one array.

    Args:
        content: The bytes of the file.
        name: Its path, for messages.

    Returns:
        `{"values": nested lists, "shape": [...]}`.

    Raises:
        InputError: If it is none, is not of numbers or texts, or holds more or less than it declares, or too much.
    """
    return _array(content, name, MAX_VALUES)


def read_npz(content: bytes, name: str) -> dict[str, dict]:
    """Read an archive of arrays.

    Args:
        content: The bytes of the file.
        name: Its path, for messages.

    Returns:
        Name of each array to what `read_npy` gives of it.

    Raises:
        InputError: As for `read_npy`; also if it unpacks to more than `MAX_BYTES`, whatever it declares.
    """
    found, left = {}, MAX_VALUES
    for key, array in _members(content, name):
        if key in found:
            raise InputError(f"{name}: expected each array name once, got {shown(key)} twice")
        found[key] = _array(array, f"{name}, {key}", left)
        left -= _n_objects(found[key]["shape"])
    return found


def _members(content: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    import zlib
    from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

    try:
        with ZipFile(io.BytesIO(content)) as archive:
            told = archive.infolist()
            _require_below(sum(one.file_size for one in told), name)
            left = MAX_BYTES
            for one in told:
                if one.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # others unpack far more at a time
                    raise InputError(f"{name}: expected arrays stored or deflated, as NumPy writes them")
                with archive.open(one) as stream:
                    pieces = []
                    while piece := stream.read(_PIECE):
                        left -= len(piece)
                        _require_below(MAX_BYTES - left, name)
                        pieces.append(piece)
                yield one.filename.removesuffix(".npy"), b"".join(pieces)
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, BadZipFile, zlib.error) as error:
        raise InputError(f"{name}: expected NumPy arrays, got what does not parse: {shown(str(error))}") from error


def _require_below(n_bytes: int, name: str) -> None:
    if n_bytes > MAX_BYTES:
        raise InputError(f"{name}: expected at most {MAX_BYTES} bytes unpacked, got more: {n_bytes} at least")


def _array(content: bytes, name: str, n_most: int) -> dict:
    import numpy as np

    stream = io.BytesIO(content)
    try:
        shape, by_column, kind = _header(stream)
    except (OSError, ValueError, EOFError, SyntaxError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{name}: expected a NumPy array, got one that does not parse: {shown(str(error))}") from error
    if kind.kind not in "biufUS" or (kind.kind == "f" and kind.itemsize > 8):
        raise InputError(f"{name}: expected numbers up to float64 or texts, got an array of {kind}")
    declared = math.prod(shape) * kind.itemsize
    if declared != len(content) - stream.tell():
        raise InputError(
            f"{name}: expected {declared} bytes of values, as its header says, got {len(content) - stream.tell()}"
        )
    if (n := _n_objects(shape)) > n_most:
        raise InputError(f"{name}: expected at most {MAX_VALUES} values in a record, got {n}")
    array = np.frombuffer(content, kind, math.prod(shape), stream.tell()) if kind.itemsize else np.zeros(shape, kind)
    return Laid(values=array.reshape(shape, order="F" if by_column else "C").tolist(), shape=list(shape))


def _header(stream: io.BytesIO) -> tuple:
    from numpy.lib import format as layout

    version = layout.read_magic(stream)
    read = {(1, 0): layout.read_array_header_1_0, (2, 0): layout.read_array_header_2_0}.get(version)
    if read is None:  # the third is for names of columns, which no record has
        raise ValueError(f"version {version}")
    shape, by_column, kind = read(stream)
    if any(length < 0 for length in shape) or len(shape) > 32:
        raise ValueError(f"shape {shape}")
    return shape, by_column, kind


def _n_objects(shape: tuple | list) -> int:
    # Lists within lists: those of an empty innermost axis are objects too.
    n, total = 1, 0
    for length in shape:
        n *= length
        total += n
    return max(total, n)
