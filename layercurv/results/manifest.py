"""SHA256SUMS: the seal over frozen records, in the format of the `sha256sum` program.

Run `python -m layercurv.results.manifest` (or `make freeze`) to renew it; it prints what changed.
"""

import argparse
import re
import sys
from pathlib import Path

from layercurv.errors import InputError, shown
from layercurv.files import sha256_file, write_text_atomically

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_]+/[A-Za-z0-9_.+=,-]+\.json)")  # one folder deep: none leads out


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
        raise InputError(f"{path}: expected the checksum manifest of the frozen records, found none; run `make freeze`")
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


def frozen_records(folder: Path) -> list[str]:
    """List the records below a results folder that can be frozen: all but smoke runs.

    Args:
        folder: The results folder.

    Returns:
        Sorted relative paths.
    """
    files = Path(folder).glob("*/*.json")
    return sorted(str(path.relative_to(folder)) for path in files if not path.name.endswith(".smoke.json"))


def freeze(folder: Path) -> list[str]:
    """Renew the manifest from the records on disk.

    Args:
        folder: The results folder.

    Returns:
        One line per difference from the manifest before: "added", "changed" or "removed" and the path.

    Raises:
        InputError: If the folder does not exist or the old manifest is malformed.
    """
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: expected a results folder, found none")
    target = Path(folder) / NAME
    before = read_manifest(folder) if target.is_file() else {}
    after = {name: sha256_file(Path(folder) / name) for name in frozen_records(folder)}
    write_text_atomically(target, "".join(f"{digest}  {name}\n" for name, digest in after.items()))
    changed = [f"changed {name}" for name in before if name in after and before[name] != after[name]]
    removed = [f"removed {name}" for name in before if name not in after]
    return [f"added   {name}" for name in after if name not in before] + changed + removed


def main() -> int:
    """Renew the manifest and print the difference.

    Returns:
        0, or 2 if the folder or the manifest is malformed.
    """
    parser = argparse.ArgumentParser(description="Renew SHA256SUMS over the frozen records.")
    parser.add_argument("folder", nargs="?", default="results", type=Path)
    folder = parser.parse_args().folder
    try:
        print("\n".join(freeze(folder) or ["no change"]))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
