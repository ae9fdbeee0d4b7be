"""Sealed records, read once; where one cannot be used, the reason."""

import hashlib
import os
import re
import stat
from functools import cached_property
from pathlib import Path

from claimgate.claim import Status, Verdict
from claimgate.errors import InputError, shown
from claimgate.manifest import NAME, frozen_records, read_manifest
from claimgate.project import Project
from claimgate.record_formats import MAX_BYTES, READERS, LibraryMissing, parse_record


class SealedRecords:
    """The records of one folder of records, checked against its SHA256SUMS as they are read."""

    def __init__(self, folder: Path, project: Project):
        """Read the manifest.

        Args:
            folder: The folder of records.
            project: Names records, and has their schemas.

        Raises:
            InputError: If the folder does not exist or its manifest is missing or malformed.
        """
        if not Path(folder).is_dir():
            raise InputError(f"{folder}: expected the folder of records, found none")
        self.project = project
        self._folder = Path(folder).resolve()
        self._sealed = read_manifest(folder)
        self._contents: dict[str, bytes] = {}  # not parsed yet
        self._folders: dict[str, str] = {}  # of records, by name, with links followed
        self._digests: dict[str, str] = {}  # SHA-256 of what was read
        self._records: dict[str, object] = {}
        self._problems: dict[str, tuple[Status, str]] = {}
        self.answers: dict[tuple, list] = {}  # to what was asked of them: see `engine.select_quantities`
        self.reduced: dict[tuple, tuple] = {}  # likewise what claims make of them: see `engine.recompute`

    @cached_property
    def sealed_names(self) -> list[str]:
        """The records the manifest lists, relative to the folder of records, sorted."""
        return sorted(self._sealed)

    @cached_property
    def all_names(self) -> list[str]:
        """The records that are sealed or lie in the folder, sorted."""
        return sorted({*self._sealed, *frozen_records(self._folder, self.project.unclaimed)})

    def get(self, name: str) -> tuple[object | None, tuple[Status, str] | None]:
        """Return a record, or why there is none.

        A record whose bytes differ from the seal is still returned: the claims that read it are judged on what it
        says now, while its own verdict is FAIL.

        Args:
            name: Path relative to the folder of records.

        Returns:
            The parsed record and None, or None and status and reason.
        """
        if name not in self._records and name not in self._problems:
            self._parse(name)
        return self._records.get(name), self._problems.get(name)

    def seeds_of(self, variant: str) -> list[str]:
        """List the sealed records of one variant.

        Args:
            variant: As in "alpha_map/resnet18_cifar10.small".

        Returns:
            Names relative to the folder of records, by seed.
        """
        stem, _, scale = variant.rpartition(".")
        pattern = re.compile(re.escape(stem) + r"_seed\d+\." + re.escape(scale) + r"\.json")
        return [name for name in self.sealed_names if name.startswith(stem) and pattern.fullmatch(name)]

    def verdicts(self, needed: set[str]) -> list[Verdict]:
        """Judge the files: all that are sealed, all that claims need, and all that lie in the folder.

        Args:
            needed: Records the claims read.

        Returns:
            One verdict per file.
        """
        copies = self._copies()
        judged = (self._judge(name) for name in sorted({*self.all_names, *needed}))
        return [
            Verdict(
                one.subject, Status.FAIL, f"the same bytes as {copies[one.subject]}: one measurement, counted twice"
            )
            if one.status is Status.PASS and one.subject in copies
            else one
            for one in judged
        ]

    def _copies(self) -> dict[str, str]:
        first: dict[str, str] = {}
        return {name: first[digest] for name, digest in self._sealed.items() if first.setdefault(digest, name) != name}

    def _parse(self, name: str) -> None:
        if not self._is_read(name):
            return
        try:
            self._records[name] = parse_record(self._contents.pop(name), name)
        except LibraryMissing as reason:
            self._problems[name] = (Status.MISSING, str(reason))
        except InputError as error:
            self._problems[name] = (Status.MALFORMED, str(error))

    def _is_read(self, name: str) -> bool:
        # Read once: what is hashed is what is parsed.
        if name in self._digests:
            return True
        path = self._path(name)
        if path is None:
            self._problems[name] = (Status.MALFORMED, "leads out of the folder of records")
        elif name.rpartition(".")[2] not in READERS:
            self._problems[name] = (Status.MALFORMED, f"expected one of .{', .'.join(READERS)}")
        elif (size := _size(path)) is None:
            self._problems[name] = (Status.MISSING, "no such file")
        elif size > MAX_BYTES:
            self._problems[name] = (Status.MALFORMED, f"larger than {MAX_BYTES} bytes")
        else:
            with open(path, "rb", buffering=0) as stream:  # ruff: ignore[builtin-open]
                content = self._contents[name] = stream.read()
            self._digests[name] = hashlib.sha256(content).hexdigest()
        return name in self._digests

    def _path(self, name: str) -> str | None:
        # With links followed, which must not lead out; folders hold many records and are looked up once. Plain texts:
        # to make a `Path` of each takes longer than to read a small record.
        folder, _, file = name.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(self._folder / folder)
        path = f"{self._folders[folder]}/{file}"
        path = os.path.realpath(path) if os.path.islink(path) else path  # ruff: ignore[os-path-islink]
        return path if path.startswith(f"{self._folder}/") else None

    def _judge(self, name: str) -> Verdict:
        if not self._is_read(name):
            return Verdict(name, *self._problems[name])
        digest = self._digests[name]
        if digest == self._sealed.get(name):
            return Verdict(name, Status.PASS, f"SHA-256 as in {NAME}")
        state = "changed since it was frozen" if name in self._sealed else f"not in {NAME}: not frozen"
        return self._judge_changed(name, f"{state} (SHA-256 now {digest[:12]}...)")

    def _judge_changed(self, name: str, state: str) -> Verdict:
        record, problem = self.get(name)
        if problem is not None:
            return Verdict(name, problem[0], f"{state}; {problem[1]}")
        from claimgate.schema import violations

        try:
            schema = {} if self.project.schema_for is None else self.project.schema_for(name)
            broken = violations(record, schema)
        except InputError as error:
            return Verdict(name, Status.FAIL, f"{state}; {error}")
        otherwise = "its schema still holds" if schema else "it has no schema"
        rules = "; ".join(message for _, message in broken[:3]) or otherwise
        status = Status.MISSING if any(rule == "required" for rule, _ in broken) else Status.FAIL
        return Verdict(name, status, f"{state}; {shown(rules, 300)}")


def _size(path: str) -> int | None:
    try:
        told = os.stat(path)  # ruff: ignore[os-stat]
    except (OSError, ValueError):
        return None
    return told.st_size if stat.S_ISREG(told.st_mode) else None
