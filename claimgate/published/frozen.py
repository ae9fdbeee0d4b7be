"""The frozen audit: what each reading found, the checksums of the files it was found in, and what our records say."""

import math
from dataclasses import asdict

from claimgate.claim import Status, Verdict
from claimgate.errors import InputError
from claimgate.published.evidence import Evidence, derive_verdict
from claimgate.published.replication import Replicated
from claimgate.published.row import Row
from claimgate.published.source import Source
from claimgate.records import SealedRecords

# What is tested: frozen too, so that it cannot be moved.
WORDING = ("place", "printed", "rests_on", "stated", "check", "unit")
# Frozen and recomputed values are one computation on one file; what may differ is the last bits of a dot product.
SAME = 1e-9
_SHAPE = "expected `measurements` with `files` (name to SHA-256) and `rows` (id to wording and readings)"


class FrozenAudit:
    """The record of the last audit of the paper's own files."""

    def __init__(self, records: SealedRecords):
        """Read it.

        Args:
            records: Our frozen records, this one among them.

        Raises:
            InputError: If the record is not laid out as expected.
        """
        self._rows: dict[str, list[Evidence]] = {}
        self._wordings: dict[str, dict] = {}
        self._verdicts: dict[str, str] = {}
        self._replications: dict[str, Replicated | None] = {}
        self.sha256: dict[str, str] = {}
        if (audit := records.project.audit) is None:
            return
        document, _ = records.get(audit.record)
        if document is None:
            return
        try:
            measurements = document["measurements"]
            self.sha256 = dict(measurements["files"])
            for id_, entry in measurements["rows"].items():
                self._rows[id_] = [_evidence(found) for found in entry["readings"]]
                self._wordings[id_] = {key: entry[key] for key in WORDING} | {"ties": entry.get("ties", "even")}
                if entry["replication"] is not None:
                    self._wordings[id_]["quantity"] = entry["replication"]["quantity"]
                self._verdicts[id_] = entry["verdict"]
                self._replications[id_] = _replicated(entry["replication"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{audit.record}: {_SHAPE}, got {error!r}") from error

    @property
    def ids(self) -> set[str]:
        """The rows that are frozen."""
        return set(self._rows)

    def findings(self, id_: str) -> list[Evidence] | None:
        """Return what a row's readings found.

        Args:
            id_: The row's id.

        Returns:
            One finding per reading; None if the row is not frozen.
        """
        return self._rows.get(id_)

    def verdict(self, id_: str) -> str | None:
        """Return the verdict that was frozen, which claims may count.

        Args:
            id_: The row's id.

        Returns:
            A key of `row.VERDICTS`; None if the row is not frozen.
        """
        return self._verdicts.get(id_)

    def replication(self, id_: str) -> Replicated | None:
        """Return what our records said of a row when it was frozen; figures read it.

        Args:
            id_: The row's id.

        Returns:
            The values; None if the row is not frozen, or could not be evaluated then.
        """
        return self._replications.get(id_)

    def reworded(self, row: Row) -> str:
        """Say how a row differs from what was frozen.

        Args:
            row: The printed number.

        Returns:
            What differs; empty if nothing does or the row is not frozen.
        """
        frozen = self._wordings.get(row.id, {})
        now = _wording(row) | {"quantity": row.replication.quantity, "ties": row.ties}
        return "; ".join(
            f"{key}: frozen {frozen[key]!r}, now {now[key]!r}" for key in frozen if frozen[key] != now[key]
        )

    def judge_files(self, source: Source) -> list[Verdict]:
        """Compare the paper's files with those the audit was frozen from.

        Args:
            source: The paper's files.

        Returns:
            One verdict per file of either.
        """
        return [self._judge_file(name, source) for name in sorted({*self.sha256, *source.sha256})]

    def _judge_file(self, name: str, source: Source) -> Verdict:
        now, frozen = source.sha256.get(name), self.sha256.get(name)
        if now is None:
            return Verdict(name, Status.MISSING, "a published file of the frozen audit that is not there")
        if frozen is None:
            return Verdict(name, Status.FAIL, "not among the files of the frozen audit")
        if now != frozen:
            return Verdict(name, Status.FAIL, f"not the file of the frozen audit (SHA-256 now {now[:12]}...)")
        return Verdict(name, Status.PASS, "SHA-256 as in the frozen audit")


def same_values(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Compare frozen values with recomputed ones.

    Args:
        one: Values.
        other: Values.

    Returns:
        Whether they are equal to `SAME` of the larger.
    """
    return len(one) == len(other) and all(math.isclose(x, y, rel_tol=SAME) for x, y in zip(one, other, strict=True))


def as_measurements(
    rows: list[Row], findings: dict[str, list[Evidence]], replications: dict[str, Replicated], source: Source
) -> dict:
    """Lay out an audit for freezing.

    Args:
        rows: The printed numbers.
        findings: Row id to one finding per reading.
        replications: Row id to what our records say, where they could be evaluated.
        source: The files they come from.

    Returns:
        The `measurements` of the record.
    """
    entries = {row.id: _row(row, findings[row.id], replications.get(row.id)) for row in rows}
    return {"files": source.sha256, "rows": entries}


def _row(row: Row, findings: list[Evidence], replicated: Replicated | None) -> dict:
    told = {} if row.ties == "even" else {"ties": row.ties}
    return (
        _wording(row)
        | told
        | {
            "verdict": derive_verdict(row, findings),
            "readings": [_plain(finding) for finding in findings],
            "replication": None if replicated is None else _plain(replicated) | {"quantity": row.replication.quantity},
        }
    )


def _wording(row: Row) -> dict:
    return {key: list(value) if isinstance(value := getattr(row, key), tuple) else value for key in WORDING}


def _plain(finding: Evidence | Replicated) -> dict:
    plain = asdict(finding)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


def _evidence(entry: dict) -> Evidence:
    stored = entry["stored"]
    values = tuple(float(value) for value in entry["values"])
    kept = None if stored is None else tuple(float(value) for value in stored)
    return Evidence(values, int(entry["n"]), kept, bool(entry["stored_agrees"]))


def _replicated(entry: dict | None) -> Replicated | None:
    if entry is None:
        return None
    values = tuple(float(value) for value in entry["values"])
    interval = None if entry["interval"] is None else tuple(float(end) for end in entry["interval"])
    return Replicated(str(entry["verdict"]), values, interval)
