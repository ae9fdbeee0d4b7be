"""JSON: what the paper is typeset from."""

import json

from layercurv.claims.claim import Verdict
from layercurv.claims.engine import Verification
from layercurv.claims.published.row import Row
from layercurv.claims.report.summary import summary


def as_json(verification: Verification, verbose: bool) -> str:
    """Write each claim's printed text and verdict by id, every verdict by kind, and the audit.

    Args:
        verification: What was found.
        verbose: Changes nothing: every verdict stands with its raw values.

    Returns:
        The document, ending in a newline; the same input gives the same bytes.
    """
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
        "audit": {row.id: _audited(row) for row in verification.rows.values()},
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _typeset(verification: Verification, verdict: Verdict) -> dict:
    claim = verification.claims[verdict.subject]
    return {"stated": claim.stated, "unit": claim.unit, "place": claim.place, "records": claim.records}


def _audited(row: Row) -> dict:
    replication = {"verdict": row.replication.verdict, "reason": row.replication.reason}
    return {
        "place": row.place,
        "printed": row.printed,
        "verdict": row.verdict,
        "reason": row.reason,
        "replication": replication,
    }


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
