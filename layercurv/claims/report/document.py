"""JSON: what the paper is typeset from."""

import json

from layercurv.claims.claim import Verdict
from layercurv.claims.engine import Verification
from layercurv.claims.report.summary import summary


def as_json(verification: Verification, verbose: bool) -> str:
    """Write each claim's printed text and verdict by id, and every verdict by kind.

    Args:
        verification: What was found.
        verbose: Also the raw values behind each verdict.

    Returns:
        The document, ending in a newline; the same input gives the same bytes.
    """
    document = {
        "exit_code": verification.exit_code,
        "summary": summary(verification),
        "claims": {
            verdict.subject: _plain(verdict, verbose) | _typeset(verification, verdict)
            for verdict in verification.groups.get("claims", ())
        },
        "other": {
            kind: {verdict.subject: _plain(verdict, verbose) for verdict in verdicts}
            for kind, verdicts in verification.groups.items()
            if kind != "claims"
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _typeset(verification: Verification, verdict: Verdict) -> dict:
    claim = verification.claims[verdict.subject]
    return {"stated": claim.stated, "unit": claim.unit, "place": claim.place, "records": claim.records}


def _plain(verdict: Verdict, verbose: bool) -> dict:
    plain = {
        "status": verdict.status.name,
        "stated": verdict.stated,
        "value": verdict.value,
        "n": verdict.n,
        "detail": verdict.detail,
        "sentence": verdict.sentence,
    }
    return plain | ({"values": verdict.values, "source": verdict.source} if verbose else {})
