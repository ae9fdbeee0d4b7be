"""Sealed records, read once; where one cannot be used, the reason."""

import hashlib
from pathlib import Path

from layercurv.claims.claim import Status, Verdict
from layercurv.errors import InputError
from layercurv.results import schema, strict_json
from layercurv.results.manifest import NAME, frozen_records, read_manifest


class SealedRecords:
    """The records of one results folder, checked against its SHA256SUMS as they are read."""

    def __init__(self, folder: Path):
        """Read the manifest.

        Args:
            folder: The results folder.

        Raises:
            InputError: If the folder does not exist or its manifest is missing or malformed.
        """
        if not Path(folder).is_dir():
            raise InputError(f"{folder}: expected the results folder, found none")
        self._folder = Path(folder)
        self._sealed = read_manifest(folder)
        self._records: dict[str, object] = {}
        self._problems: dict[str, tuple[Status, str]] = {}

    def get(self, name: str) -> tuple[object | None, tuple[Status, str] | None]:
        """Return a record, or why there is none.

        A record whose bytes differ from the seal is still returned: the claims that read it are judged on what it
        says now, while its own verdict is FAIL.

        Args:
            name: Path relative to the results folder.

        Returns:
            The parsed record and None, or None and status and reason.
        """
        if name not in self._records and name not in self._problems:
            self._read(name)
        return self._records.get(name), self._problems.get(name)

    def verdicts(self, needed: list[str]) -> list[Verdict]:
        """Judge the files: all that are sealed, all that claims need, and all that lie in the folder.

        Args:
            needed: Records the claims read.

        Returns:
            One verdict per file.
        """
        names = sorted({*self._sealed, *needed, *frozen_records(self._folder)})
        return [self._judge(name, name in needed) for name in names]

    def _read(self, name: str) -> None:
        try:
            text = (self._folder / name).read_text(encoding="utf-8")
        except OSError as error:
            self._problems[name] = (Status.MISSING, f"no readable file ({error.strerror})")
        except UnicodeDecodeError:
            self._problems[name] = (Status.MALFORMED, "not UTF-8 text")
        else:
            try:
                self._records[name] = strict_json.loads(text, name)
            except InputError as error:
                self._problems[name] = (Status.MALFORMED, str(error))

    def _judge(self, name: str, needed: bool) -> Verdict:
        record, problem = self.get(name)
        if problem is not None:
            return Verdict(name, *problem)
        digest = hashlib.sha256((self._folder / name).read_bytes()).hexdigest()
        if digest == self._sealed.get(name):
            return Verdict(name, Status.PASS, f"SHA-256 as in {NAME}")
        if name not in self._sealed and not needed:
            return Verdict(name, Status.PASS, f"not in {NAME}, and no claim reads it")
        broken = schema.violations(record, name.partition("/")[0])
        rules = "; ".join(message for _, message in broken[:3]) or "its schema still holds"
        status = Status.MISSING if any(rule == "required" for rule, _ in broken) else Status.FAIL
        state = "changed since it was frozen" if name in self._sealed else f"not in {NAME}: not frozen"
        return Verdict(name, status, f"{state} (SHA-256 now {digest[:12]}...); {rules}")
