"""A table for people at a terminal."""

from claimgate.claim import Status, Verdict
from claimgate.report.columns import GAP, aligned, cells, cut, wrapped
from claimgate.report.summary import printable, recomputed, summary, told
from claimgate.verification import Verification

# "Select graphic rendition" of terminals.
_GREEN, _BOLD, _BOLD_RED, _BOLD_YELLOW, _BOLD_MAGENTA = "32", "1", "1;31", "1;33", "1;35"
_STYLES = {
    Status.PASS: _GREEN,
    Status.FAIL: _BOLD_RED,
    Status.MISSING: _BOLD_YELLOW,
    Status.MALFORMED: _BOLD_MAGENTA,
}
_HEAD = ("claim", "stated", "recomputed", "verdict", "evidence")
_RIGHT = (False, True, True, False, False)  # which columns are flush right
_WIDTH = 160  # where there is no terminal to ask
# A narrow terminal takes its characters from the name and from what is printed, never from value and verdict.
_VERDICT = max(len(status.name) for status in Status)
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
    found = [verdict for _, verdict in told(verification, verbose)]
    lines = _lines(found, verbose, colour, width) if found else []
    style = _GREEN if verification.exit_code == 0 else _BOLD_RED
    lines += [_styled(line, style, colour) for line in wrapped(summary(verification), width)]
    return "\n".join(lines) + "\n"


def _lines(found: list[Verdict], verbose: bool, colour: bool, width: int) -> list[str]:
    rows = [_cells(verdict, width) for verdict in found]
    widths = [max(map(cells, column)) for column in zip(_HEAD[:-1], *rows, strict=True)]
    widths[-1] = _VERDICT
    left = max(_VERDICT, width - sum(widths) - len(GAP) * len(widths))
    evidence = [list(map(printable, _evidence(verdict, verbose))) for verdict in found]
    widths.append(min(left, max(cells(line) for lines in ([_HEAD[-1]], *evidence) for line in lines)))
    head = [_styled(cell, _BOLD, colour) for cell in _filled(_HEAD, widths)]
    lines = [(_styled(" ", _BOLD, colour) * 2).join(head)]
    for verdict, row, told_lines in zip(found, rows, evidence, strict=True):
        first, *others = [part for line in told_lines for part in wrapped(line, left)] or [""]
        *filled, mark, text = _filled((*row, first), widths)
        lines.append(GAP.join([*filled, _styled(mark, _STYLES[verdict.status], colour), text]))
        lines += [GAP.join(_filled(("", "", "", "", other), widths)) for other in others]
    return lines


def _cells(verdict: Verdict, width: int) -> tuple[str, str, str, str]:
    name, stated = cut(printable(verdict.subject), width // 3), cut(printable(verdict.stated), max(12, width // 8))
    return name, stated, printable(recomputed(verdict)), verdict.status.name


def _filled(row: tuple[str, ...], widths: list[int]) -> list[str]:
    return [aligned(cell, width, right) for cell, width, right in zip(row, widths, _RIGHT, strict=True)]


def _styled(text: str, style: str, colour: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if colour else text


def _evidence(verdict: Verdict, verbose: bool) -> list[str]:
    if not verbose:
        return [verdict.detail]
    values = ", ".join(f"{value:.6g}" for value in verdict.values[:_N_VALUES])
    more = f", ... ({len(verdict.values)} in all)" if len(verdict.values) > _N_VALUES else ""
    lines = (verdict.sentence, verdict.detail, *verdict.source, f"values: {values}{more}" if values else "")
    return [line for line in lines if line]
