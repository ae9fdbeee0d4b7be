"""The paper's JSON files, read once."""

import hashlib
from pathlib import Path

from claimgate import strict_json
from claimgate.errors import InputError
from claimgate.project import Audited
from claimgate.records import MAX_BYTES

SUFFIX = ".json"


class Source:
    """The JSON files of one folder, by their short name: `results_FIRST.json` is `FIRST`."""

    def __init__(self, folder: Path, audit: Audited):
        """Read every file.

        Args:
            folder: The folder with the paper's JSON files.
            audit: How their names begin, and what is recomputed from them.

        Raises:
            InputError: If there is no such folder, no such file in it, or one cannot be read or does not parse.
        """
        self.audit, prefix = audit, audit.prefix
        paths = sorted(Path(folder).glob(f"{prefix}*{SUFFIX}"))
        if not paths:
            raise InputError(f"{folder}: expected a folder with the paper's {prefix}*{SUFFIX} files, found none")
        self.documents: dict[str, object] = {}
        self.sha256: dict[str, str] = {}
        for path in paths:
            name = path.name[len(prefix) : -len(SUFFIX)]
            if not path.is_file() or path.stat().st_size > MAX_BYTES:
                raise InputError(f"{path}: expected a regular file of at most {MAX_BYTES} bytes")
            content = path.read_bytes()
            self.sha256[path.name] = hashlib.sha256(content).hexdigest()
            try:
                self.documents[name] = strict_json.loads(content.decode("utf-8"), str(path))
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: expected UTF-8 text, got other bytes at {error.start}") from error
        self.words = _words(list(self.documents.values())) | {name.lower() for name in self.documents}

    def mentions(self, word: str) -> bool:
        """Say whether any key, text or file name contains a word.

        Args:
            word: The word; case does not matter.

        Returns:
            Whether it occurs.
        """
        return any(word.lower() in text for text in self.words)


def _words(value: object) -> set[str]:
    found, open_values = set(), [value]
    while open_values:
        value = open_values.pop()
        if isinstance(value, dict):
            found |= {key.lower() for key in value}
            open_values += value.values()
        elif isinstance(value, list):
            open_values += value
        elif isinstance(value, str):
            found.add(value.lower())
    return found
