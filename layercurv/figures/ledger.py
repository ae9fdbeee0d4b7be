"""Which figures need not be drawn again: by content alone, for the date of a file says nothing of what is in it.

A ledger holds, for each figure, SHA-256 of all that went in and of the files that came out. A figure is left alone only
while every one of them is what it was. What goes in is

- the records, hashed before they are read: one that changes meanwhile is found changed the next time;
- every module of this package, whether the figure imports it or not: a list of those it does could fall short;
- every installed package, by the list of its files and their hashes that the installer wrote;
- Python, the machine, and the variables that choose kernels, fonts and dates.

Not seen is an installed package edited in place. `make figures` draws without a ledger.
"""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from layercurv.files import sha256_file, write_text_atomically

PACKAGE = Path(__file__).parents[1]
STEERING = ("OPENBLAS_", "NPY_", "GLIBC_", "MPL", "MATPLOTLIB", "SOURCE_DATE_EPOCH", "LC_", "LANG", "TZ")


@dataclass(frozen=True)
class Drawing:
    """One figure, what it was drawn from and the files written."""

    name: str
    records: dict[str, str]  # path below the results folder -> SHA-256, taken before it was read
    files: list[Path]


class Ledger:
    """What is known of figures drawn before."""

    def __init__(self, path: Path):
        """Read a ledger.

        Args:
            path: The file; one that is missing or broken knows nothing.
        """
        self._path = Path(path)
        self._code = code_digest()  # now: code that changes while figures are drawn is found changed the next time
        try:
            self._entries = dict(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self._entries = {}

    def knows(self, name: str, results: Path, folder: Path) -> bool:
        """Say whether drawing a figure would give just the files that are there.

        Args:
            name: The figure.
            results: The results folder.
            folder: Where its files lie.

        Returns:
            False if anything that went in or came out is missing or differs, or nothing is known.
        """
        entry = self._entries.get(name)
        if entry is None:
            return False
        found = {"code": self._code, "records": digests(results, entry["records"])}
        return entry == found | {"files": digests(folder, entry["files"])}

    def note(self, drawings: list[Drawing]) -> None:
        """Write down figures just drawn.

        Args:
            drawings: What went in and came out.
        """
        for drawing in drawings:
            files = {path.name: sha256_file(path) for path in drawing.files}
            self._entries[drawing.name] = {"code": self._code, "records": drawing.records, "files": files}
        write_text_atomically(self._path, json.dumps(self._entries, indent=1) + "\n")


def digests(folder: Path, names) -> dict[str, str | None]:
    """Hash files.

    Args:
        folder: Where they lie.
        names: Their paths below it.

    Returns:
        Name to SHA-256; None for one that cannot be read.
    """
    return {name: sha256_file(folder / name) if (folder / name).is_file() else None for name in names}


def code_digest() -> str:
    """Hash what draws: code, installed packages, Python, machine and settings.

    Returns:
        SHA-256.
    """
    return hashlib.sha256(json.dumps(list(_origins())).encode()).hexdigest()


def _origins() -> Iterator[tuple]:
    yield sys.version, platform.node(), platform.machine()
    yield tuple(sorted(item for item in os.environ.items() if item[0].startswith(STEERING)))
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), sha256_file(path)
    for place in sys.path:
        for record in sorted(Path(place).glob("*.dist-info/RECORD")):
            yield record.parent.name, sha256_file(record)
