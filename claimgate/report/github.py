"""Workflow commands that GitHub shows on the lines of the claims files."""

from claimgate.claim import Status, Verdict
from claimgate.report.summary import printable, summary
from claimgate.verification import Verification


def as_annotations(verification: Verification, verbose: bool) -> str:
    """Write one error per verdict that is not PASS, then the summary as a notice.

    Args:
        verification: What was found.
        verbose: Also a notice per verdict that is.

    Returns:
        One workflow command per line.
    """
    lines = [_command(verdict) for verdict in verification.verdicts if verbose or verdict.status is not Status.PASS]
    return "\n".join([*lines, f"::notice title=claimgate::{_data(summary(verification))}"]) + "\n"


def _command(verdict: Verdict) -> str:
    level = "notice" if verdict.status is Status.PASS else "error"
    place = f"file={_property(verdict.file)},line={verdict.line}," if verdict.file else ""
    title = _property(f"{verdict.status.name} {verdict.subject}")
    stated = f"stated {verdict.stated}: " if verdict.stated else ""
    return f"::{level} {place}title={title}::{_data(stated + verdict.detail)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
