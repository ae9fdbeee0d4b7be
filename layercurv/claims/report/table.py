"""A table for people at a terminal."""

import io

from layercurv.claims.claim import Status, Verdict
from layercurv.claims.report.summary import printable, recomputed, summary, told
from layercurv.claims.verification import Verification

_STYLES = {
    Status.PASS: "green",
    Status.FAIL: "bold red",
    Status.MISSING: "bold yellow",
    Status.MALFORMED: "bold magenta",
}
_WIDTH = 160  # where there is no terminal to ask
# A narrow terminal takes its characters from the name and from what is printed, never from value and verdict.
_NUMBER, _VERDICT = 10, max(len(status.name) for status in Status)
_N_VALUES = 8  # shown of those that were reduced


def as_table(verification: Verification, verbose: bool, colour: bool = False, width: int = _WIDTH) -> str:
    """Show every claim and everything that is not in order.

    Args:
        verification: What was found.
        verbose: Show all, each with its evidence: sentence, file, selector, raw values, accepted interval.
        colour: Mark verdicts with terminal colours.
        width: Characters per line.

    Returns:
        The text.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("claim", no_wrap=True, overflow="ellipsis", max_width=width // 3)
    table.add_column("stated", justify="right", no_wrap=True, overflow="ellipsis", max_width=max(12, width // 8))
    table.add_column("recomputed", justify="right", no_wrap=True, min_width=_NUMBER)
    table.add_column("verdict", no_wrap=True, min_width=_VERDICT)
    table.add_column("evidence")
    for _, verdict in told(verification, verbose):
        cells = (verdict.subject, verdict.stated, recomputed(verdict))
        mark = Text(verdict.status.name, _STYLES[verdict.status])
        evidence = "\n".join(map(printable, _evidence(verdict, verbose)))
        table.add_row(*(Text(printable(cell)) for cell in cells), mark, Text(evidence))
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False, force_terminal=colour, no_color=not colour)
    if table.row_count:
        console.print(table)
    console.print(Text(summary(verification), "green" if verification.exit_code == 0 else "bold red"))
    return stream.getvalue()


def _evidence(verdict: Verdict, verbose: bool) -> list[str]:
    if not verbose:
        return [verdict.detail]
    values = ", ".join(f"{value:.6g}" for value in verdict.values[:_N_VALUES])
    more = f", ... ({len(verdict.values)} in all)" if len(verdict.values) > _N_VALUES else ""
    lines = (verdict.sentence, verdict.detail, *verdict.source, f"values: {values}{more}" if values else "")
    return [line for line in lines if line]
