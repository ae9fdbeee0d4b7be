"""Where a record lies on disk, and how it gets there: `<folder>/<experiment>/<variant>.<scale>.json`."""

import re
from dataclasses import dataclass
from pathlib import Path

from claimgate import strict_json
from layercurv.errors import InputError
from layercurv.files import write_text_atomically
from layercurv.results import schema

SCALES = ("paper", "small", "smoke")
AUDIT = "published_audit/spectral_asymptotics.json"  # the one record that is no run of ours
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+=,-]*")


@dataclass(frozen=True)
class RecordName:
    """The three words that name a record."""

    experiment: str
    variant: str
    scale: str

    def __post_init__(self):
        """Check the words.

        Raises:
            InputError: If a word is not a plain file name, or the scale unknown.
        """
        for word in (self.experiment, self.variant):
            if not _SAFE_NAME.fullmatch(word) or ".." in word:
                raise InputError(
                    f"expected a record name of letters, digits and _.+=,- but got {word!r}; "
                    "name the record yourself with variant=NAME"
                )
        if self.scale not in SCALES:
            raise InputError(f"expected a scale out of {', '.join(SCALES)}, got {self.scale!r}")

    def path(self, folder: Path) -> Path:
        """Return the record's file below `folder`.

        Args:
            folder: The results folder.

        Returns:
            `<folder>/<experiment>/<variant>.<scale>.json`.
        """
        return Path(folder) / self.experiment / f"{self.variant}.{self.scale}.json"


def write_record(folder: Path, name: RecordName, measurements: dict, provenance: dict, overwrite: bool = False) -> Path:
    """Validate a record and write it once, atomically; of several writers, on whichever machines, the first wins.

    Args:
        folder: The results folder.
        name: Which record.
        measurements: The experiment's values, as its schema says.
        provenance: As `schemas/v1/common.json` says.
        overwrite: Replace an existing record.

    Returns:
        The path of the record; somebody else's, if it was there first and says the same.

    Raises:
        InputError: If the record is invalid, holds NaN or infinity, or `overwrite` is false and another is there.
    """
    path = name.path(folder)
    record = {
        "schema": f"{schema.VERSION}/{name.experiment}",
        "experiment": name.experiment,
        "variant": name.variant,
        "scale": name.scale,
        "measurements": measurements,
        "provenance": provenance,
    }
    text = strict_json.dumps(record)
    schema.validate(record, name.experiment, str(path))
    try:
        write_text_atomically(path, text, replace=overwrite)
    except FileExistsError:
        _require_same(path, record)
    return path


def _require_same(path: Path, record: dict) -> None:
    # Same settings, same numbers; when, how fast and by which commit they were found may differ.
    found = read_record(path)
    parts = {"measurements": record["measurements"], "settings": record["provenance"].get("config")}
    there = {"measurements": found.get("measurements"), "settings": found.get("provenance", {}).get("config")}
    if different := [part for part in parts if strict_json.dumps(parts[part]) != strict_json.dumps(there[part])]:
        raise InputError(
            f"{path}: the record exists, is another one ({' and '.join(different)} differ) and is kept; "
            "overwrite=true replaces it"
        )


def read_record(path: Path) -> dict:
    """Read one record.

    Args:
        path: The file.

    Returns:
        The parsed document; it is not validated here.

    Raises:
        InputError: If the file is missing or is not strict JSON.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a readable record, got {error}") from error
    return strict_json.loads(text, str(path))
