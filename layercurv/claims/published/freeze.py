"""Freezing the audit: a deliberate command that shows what changes."""

import contextlib
import datetime
from pathlib import Path

from layercurv.claims.checks import Disagreement, NotEvaluable
from layercurv.claims.closed_toml import PUBLISHED
from layercurv.claims.published.audit import describe, recompute_row
from layercurv.claims.published.evidence import Evidence
from layercurv.claims.published.frozen import NAME, FrozenAudit, as_measurements
from layercurv.claims.published.load import load_rows
from layercurv.claims.published.replication import Replicated, replicate
from layercurv.claims.published.row import Row
from layercurv.claims.published.source import Source
from layercurv.claims.records import SealedRecords
from layercurv.errors import InputError
from layercurv.files import write_text_atomically
from layercurv.results import schema, strict_json
from layercurv.results.manifest import freeze
from layercurv.results.provenance import git_state, package_versions

EXPERIMENT = "published_audit"
_VERSIONS = ("python", "layercurv", "numpy", "scipy")


def freeze_audit(claims: Path, results: Path, published: Path) -> list[str]:
    """Recompute every row from the paper's files and freeze the values.

    Args:
        claims: The claims folder with its `published.toml`.
        results: Our results folder; its seal is renewed.
        published: The folder with the paper's files.

    Returns:
        One line per row or file that changed.

    Raises:
        InputError: If a row cannot be evaluated; then nothing is written.
    """
    rows, source = load_rows(claims / PUBLISHED), Source(published)
    before = _frozen_before(results)
    findings: dict[str, list[Evidence]] = {}
    for row in rows:
        try:
            findings[row.id] = recompute_row(row, source)
        except (NotEvaluable, Disagreement) as reason:
            raise InputError(f"{row.id}: {reason}; nothing was frozen") from reason
    record = {
        "schema": f"{schema.VERSION}/{EXPERIMENT}",
        "experiment": EXPERIMENT,
        "measurements": as_measurements(rows, findings, _replications(rows, SealedRecords(results)), source),
        "provenance": {
            "code": git_state(claims),
            "versions": {name: package_versions()[name] for name in _VERSIONS},
            "finished_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        },
    }
    schema.validate(record, EXPERIMENT, NAME)
    changed = [_change(id_, before.get(id_), findings.get(id_)) for id_ in sorted({*before, *findings})]
    write_text_atomically(results / NAME, strict_json.dumps(record))
    return [line for line in changed if line] + freeze(results)


def _replications(rows: list[Row], records: SealedRecords) -> dict[str, Replicated]:
    found = {}
    for row in rows:
        with contextlib.suppress(NotEvaluable, Disagreement):  # the gate names them; nothing stands for them here
            found[row.id] = replicate(row, records)
    return found


def _frozen_before(results: Path) -> dict[str, list[Evidence]]:
    try:
        frozen = FrozenAudit(SealedRecords(results))
    except InputError:
        return {}  # laid out otherwise, by an earlier version: every row is new
    return {id_: frozen.findings(id_) for id_ in frozen.ids}


def _change(id_: str, before: list[Evidence] | None, after: list[Evidence] | None) -> str:
    if before == after:
        return ""
    texts = ["absent" if found is None else describe(found) or "no reading" for found in (before, after)]
    return f"{id_}: {texts[0]} -> {texts[1]}"
