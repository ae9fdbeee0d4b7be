"""SHA256SUMS: the seal over frozen records, in the format of the `sha256sum` program."""

import functools
import os
import re
from pathlib import Path

from claimgate.errors import InputError, shown
from claimgate.record_formats import READERS

NAME = "SHA256SUMS"
_WORD = r"[A-Za-z0-9_][A-Za-z0-9_.+=,-]*"  # no folder or file that a dot begins, so that none leads out
_NAME = re.compile(rf"(?:{_WORD}/)*{_WORD}\.(?:{'|'.join(READERS)})")
_LINE = re.compile(rf"([0-9a-f]{{64}})  ({_NAME.pattern})")


@functools.cache  # many claims name the same records
def is_record_name(name: str) -> bool:
    """Say whether a path can name a record.

    Args:
        name: Path below the folder of records.

    Returns:
        Whether it is made of plain words and ends in a format that is read.
    """
    return _NAME.fullmatch(name) is not None


def read_manifest(folder: Path) -> dict[str, str]:
    """Read the manifest of a results folder.

    Args:
        folder: The results folder.

    Returns:
        Relative path to hexadecimal digest.

    Raises:
        InputError: If it is missing or a line is malformed.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise InputError(f"{path}: expected the checksum manifest of the frozen records, found none; seal them first")
    entries: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a readable text file: {error}") from error
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in entries:
            raise InputError(f"{path}:{number}: expected '<64 hex digits>  <path>', each path once, got {shown(line)}")
        entries[match[2]] = match[1]
    return entries


def frozen_records(folder: Path, unclaimed: tuple[str, ...] = ()) -> list[str]:
    """List the records below a folder that can be frozen.

    Args:
        folder: The folder of records.
        unclaimed: Scales that are not frozen: NAME.SCALE.json.

    Returns:
        Sorted relative paths.
    """
    top, found = str(folder), []
    for place, folders, files in os.walk(top):
        below = place[len(top) :].replace(os.sep, "/").strip("/")
        folders[:] = (name for name in folders if not name.startswith("."))
        for name in (*folders, *files):
            stem, _, kind = name.rpartition(".")
            if stem and kind in READERS and not name.startswith(".") and stem.rpartition(".")[2] not in unclaimed:
                found.append(f"{below}/{name}" if below else name)
    return sorted(found)


def freeze(folder: Path, unclaimed: tuple[str, ...] = ()) -> list[str]:
    """Renew the manifest from the records on disk.

    Args:
        folder: The folder of records.
        unclaimed: As for `frozen_records`.

    Returns:
        One line per difference from the manifest before: "added", "changed" or "removed" and the path.

    Raises:
        InputError: If the folder does not exist, a record has a name that no claim could give, or the old manifest is
            malformed.
    """
    from claimgate.files import sha256_file, write_text_atomically

    if not Path(folder).is_dir():
        raise InputError(f"{folder}: expected a folder of records, found none")
    target = Path(folder) / NAME
    before = read_manifest(folder) if target.is_file() else {}
    names = frozen_records(folder, unclaimed)
    for name in names:
        if not is_record_name(name):
            raise InputError(f"expected record names of letters, digits and _.+=,- only, got {shown(name)}")
        if not (Path(folder) / name).is_file():
            raise InputError(f"expected a regular file under the name of a record, found none: {shown(name)}")
    after = {name: sha256_file(Path(folder) / name) for name in names}
    write_text_atomically(target, "".join(f"{digest}  {name}\n" for name, digest in after.items()))
    changed = [f"changed {name}" for name in before if name in after and before[name] != after[name]]
    removed = [f"removed {name}" for name in before if name not in after]
    return [f"added   {name}" for name in after if name not in before] + changed + removed
