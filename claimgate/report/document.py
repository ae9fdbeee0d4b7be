"""JSON: what the paper is typeset from."""

import json
import math
from typing import TYPE_CHECKING

from claimgate.claim import Verdict
from claimgate.report.summary import summary
from claimgate.verification import Verification

if TYPE_CHECKING:
    from claimgate.published.row import Row


def as_json(verification: Verification, verbose: bool) -> str:
    """Write each claim's printed text and verdict by id, every verdict by kind, and the audit.

    Args:
        verification: What was found.
        verbose: Changes nothing: every verdict stands with its raw values.

    Returns:
        The document, ending in a newline; the same input gives the same bytes.
    """
    by_subject = {verdict.subject: verdict for verdicts in verification.groups.values() for verdict in verdicts}
    document = {
        "exit_code": verification.exit_code,
        "summary": summary(verification),
        "claims": {
            verdict.subject: _plain(verdict) | _typeset(verification, verdict)
            for verdict in verification.groups.get("claims", ())
        },
        "other": {
            kind: {verdict.subject: _plain(verdict) for verdict in verdicts}
            for kind, verdicts in verification.groups.items()
            if kind != "claims"
        },
        "audit": {row.id: _audited(row, by_subject) for row in verification.rows.values()},
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _typeset(verification: Verification, verdict: Verdict) -> dict:
    claim = verification.claims[verdict.subject]
    return {"stated": claim.stated, "unit": claim.printed_unit, "place": claim.place, "records": claim.records}


def _audited(row: "Row", verdicts: dict[str, Verdict]) -> dict:
    ours = verdicts[f"{row.id}.replication"]
    return {
        "place": row.place,
        "printed": row.printed,
        "stated": row.stated,
        "unit": row.unit,
        "verdict": row.verdict,
        "reason": row.reason,
        "range": _range(verdicts[row.id]),
        "replication": {
            "verdict": row.replication.verdict,
            "reason": row.replication.reason,
            "range": _range(ours),
        },
    }


def _range(verdict: Verdict) -> list[str]:
    # The least and the greatest of what was recomputed, for a table: three digits.
    if not verdict.values:
        return []
    return list(dict.fromkeys(_three_digits(value) for value in (min(verdict.values), max(verdict.values))))


def _three_digits(value: float) -> str:
    if value == int(value) and abs(value) < 1e5:
        return str(int(value))
    if not 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _plain(verdict: Verdict) -> dict:
    return {
        "status": verdict.status.name,
        "stated": verdict.stated,
        "value": verdict.value,
        "n": verdict.n,
        "detail": verdict.detail,
        "sentence": verdict.sentence,
        "values": verdict.values,
        "source": verdict.source,
    }
