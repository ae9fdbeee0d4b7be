"""The counts in one line, and what is told at all."""

from collections import Counter

from claimgate.claim import Status, Verdict
from claimgate.verification import Verification


def summary(verification: Verification) -> str:
    """Count the verdicts in one line.

    Args:
        verification: What was found.

    Returns:
        The line.
    """
    groups = [f"{kind}: {_counts(verdicts)}" for kind, verdicts in verification.groups.items()]
    return "; ".join([*groups, f"exit {verification.exit_code}"])


# Told one by one only where something is wrong.
_IN_BULK = ("files", "published files", "provenance", "seeds", "counts", "documents", "sentences", "changes")


def told(verification: Verification, verbose: bool) -> list[tuple[str, Verdict]]:
    """List what a report shows: every claim, and of all else what is not in order.

    Args:
        verification: What was found.
        verbose: Show every row and replication of the audit too.

    Returns:
        Kind and verdict.
    """
    return [
        (kind, verdict)
        for kind, verdicts in verification.groups.items()
        for verdict in verdicts
        if kind in ("claims", "findings") or verdict.status is not Status.PASS or (verbose and kind not in _IN_BULK)
    ]


def printable(text: str) -> str:
    """Replace control characters, which could steer a terminal or break a document, by their escapes.

    Args:
        text: From a claims file or record.

    Returns:
        The text on one line, all of it printable.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def recomputed(verdict: Verdict) -> str:
    """Show the recomputed value.

    Args:
        verdict: What was found.

    Returns:
        Six digits with the unit of what is stated; empty if there is no value.
    """
    unit = next((unit for unit in ("%", " points") if verdict.stated.endswith(unit)), "")
    return "" if verdict.value is None else f"{verdict.value:.6g}{unit}"


def _counts(verdicts: list[Verdict]) -> str:
    found = Counter(verdict.status for verdict in verdicts)
    return ", ".join(f"{found[status]} {status.value}" for status in Status if found[status] or status is Status.PASS)
