"""Markdown for a pull request or a job summary."""

import html
import re

from claimgate.claim import Status
from claimgate.report.summary import printable, recomputed, summary, told
from claimgate.verification import Verification

_SIGNS = {"PASS": "✅", "FAIL": "❌", "MISSING": "❓", "MALFORMED": "💥"}


def as_markdown(verification: Verification, verbose: bool) -> str:
    """Write the summary and a table.

    Args:
        verification: What was found.
        verbose: Show all; otherwise only what is not in order.

    Returns:
        The text.
    """
    shown = [(kind, v) for kind, v in told(verification, verbose) if verbose or v.status is not Status.PASS]
    lines = [f"{'✅' if verification.exit_code == 0 else '❌'} **{_escape(summary(verification))}**", ""]
    if shown:
        lines += ["| | what | stated | recomputed | evidence |", "| --- | --- | ---: | ---: | --- |"]
    for kind, verdict in shown:
        name = verdict.status.name
        cells = (f"{kind}: {verdict.subject}", verdict.stated, recomputed(verdict), verdict.detail)
        lines.append(f"| {_SIGNS[name]} {name} | {' | '.join(map(_escape, cells))} |")
    return "\n".join(lines).rstrip() + "\n"


def _escape(text: str) -> str:
    # HTML first, then what Markdown reads as a table, code, link, image or emphasis, then mentions of people.
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~])", r"\\\1", html.escape(printable(text), quote=False))
    return escaped.replace("@", "@<!-- -->")
