"""Freezing the audit: a deliberate command that shows what changes."""

import contextlib
import datetime
from pathlib import Path

from claimgate import strict_json
from claimgate.checks import Disagreement, NotEvaluable
from claimgate.closed_toml import PUBLISHED
from claimgate.errors import InputError
from claimgate.files import write_text_atomically
from claimgate.manifest import freeze
from claimgate.project import Project, group_of
from claimgate.published.audit import describe, recompute_row
from claimgate.published.evidence import Evidence
from claimgate.published.frozen import FrozenAudit, as_measurements
from claimgate.published.load import load_rows
from claimgate.published.replication import Replicated, replicate
from claimgate.published.row import Row
from claimgate.published.source import Source
from claimgate.records import SealedRecords
from claimgate.schema import violations


def freeze_audit(claims: Path, results: Path, published: Path, project: Project) -> list[str]:
    """Recompute every row from the paper's files and freeze the values.

    Args:
        claims: The claims folder with its `published.toml`.
        results: Our results folder; its seal is renewed.
        published: The folder with the paper's files.
        project: What it audits.

    Returns:
        One line per row or file that changed.

    Raises:
        InputError: If a row cannot be evaluated; then nothing is written.
    """
    rows = load_rows(claims / PUBLISHED, project)
    audit = project.audit
    source, before = Source(published, audit), _frozen_before(results, project)
    findings: dict[str, list[Evidence]] = {}
    for row in rows:
        try:
            findings[row.id] = recompute_row(row, source)
        except (NotEvaluable, Disagreement) as reason:
            raise InputError(f"{row.id}: {reason}; nothing was frozen") from reason
    record = {
        "schema": f"v1/{group_of(audit.record)}",
        "experiment": group_of(audit.record),
        "measurements": as_measurements(rows, findings, _replications(rows, SealedRecords(results, project)), source),
        "provenance": audit.stamp(claims)
        | {"finished_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")},
    }
    if project.schema_for is not None and (broken := violations(record, project.schema_for(audit.record))):
        raise InputError(f"{audit.record}: does not meet its schema: {broken[0][1]}; nothing was frozen")
    changed = [_change(id_, before.get(id_), findings.get(id_)) for id_ in sorted({*before, *findings})]
    write_text_atomically(results / audit.record, strict_json.dumps(record))
    return [line for line in changed if line] + freeze(results, project.unclaimed)


def _replications(rows: list[Row], records: SealedRecords) -> dict[str, Replicated]:
    found = {}
    for row in rows:
        with contextlib.suppress(NotEvaluable, Disagreement):  # the gate names them; nothing stands for them here
            found[row.id] = replicate(row, records)
    return found


def _frozen_before(results: Path, project: Project) -> dict[str, list[Evidence]]:
    try:
        frozen = FrozenAudit(SealedRecords(results, project))
    except InputError:
        return {}  # laid out otherwise, by an earlier version: every row is new
    return {id_: frozen.findings(id_) for id_ in frozen.ids}


def _change(id_: str, before: list[Evidence] | None, after: list[Evidence] | None) -> str:
    if before == after:
        return ""
    texts = ["absent" if found is None else describe(found) or "no reading" for found in (before, after)]
    return f"{id_}: {texts[0]} -> {texts[1]}"
