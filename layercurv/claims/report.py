"""One verification, told three ways: a table for people, JSON for the paper, JUnit for a CI."""

import json
from pathlib import Path

from layercurv.claims.claim import Status, Verdict
from layercurv.claims.engine import Verification
from layercurv.files import write_text_atomically

_STYLES = {
    Status.PASS: "green",
    Status.FAIL: "bold red",
    Status.MISSING: "bold yellow",
    Status.MALFORMED: "bold magenta",
}


def print_table(verification: Verification, verbose: bool) -> None:
    """Print every claim, every file that is not as frozen, and the sum.

    Args:
        verification: What was found.
        verbose: Show the sealed files that are in order as well, and each claim's sentence and selector.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("claim", no_wrap=True, overflow="ellipsis", ratio=4)
    table.add_column("stated", justify="right", no_wrap=True)
    table.add_column("recomputed", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("evidence", ratio=6)
    for verdict in verification.claims:
        claim = verdict.claim
        value = "" if verdict.value is None else f"{verdict.value:.6g}{claim.unit}"
        mark = Text(verdict.status.name, _STYLES[verdict.status])
        evidence = f"{claim.sentence}\n{verdict.detail}\n{claim.select}" if verbose else verdict.detail
        table.add_row(Text(claim.id), claim.stated + claim.unit, value, mark, Text(printable(evidence)))
    for verdict in verification.files:
        if verbose or verdict.status is not Status.PASS:
            mark = Text(verdict.status.name, _STYLES[verdict.status])
            table.add_row(Text(printable(verdict.subject)), "", "", mark, Text(printable(verdict.detail)))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    console.print(Text(summary(verification), "green" if verification.exit_code == 0 else "bold red"))


def summary(verification: Verification) -> str:
    """Count the verdicts in one line.

    Args:
        verification: What was found.

    Returns:
        The line.
    """
    claims = ", ".join(_counts(verification.claims))
    return f"claims: {claims}; files: {', '.join(_counts(verification.files))}; exit {verification.exit_code}"


def write_json(verification: Verification, path: Path) -> None:
    """Write what the paper is typeset from: each claim's printed text and verdict by id.

    Args:
        verification: What was found.
        path: The file to write.
    """
    document = {
        "exit_code": verification.exit_code,
        "summary": summary(verification),
        "claims": {
            verdict.claim.id: {
                "status": verdict.status.name,
                "stated": verdict.claim.stated,
                "unit": verdict.claim.unit,
                "value": verdict.value,
                "n": verdict.n,
                "sentence": verdict.claim.sentence,
                "place": verdict.claim.place,
                "records": verdict.claim.records,
            }
            for verdict in verification.claims
        },
    }
    write_text_atomically(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_junit(verification: Verification, path: Path) -> None:
    """Write a JUnit report: one test case per claim and per sealed file.

    Args:
        verification: What was found.
        path: The file to write.
    """
    from junitparser import JUnitXml, TestSuite

    report = JUnitXml("layercurv")
    for title, verdicts in (("claims", verification.claims), ("files", verification.files)):
        suite = TestSuite(title)
        for verdict in verdicts:
            suite.add_testcase(_test_case(verdict, title))
        report.add_testsuite(suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write(str(path), pretty=True)


def printable(text: str) -> str:
    """Replace control characters, which could steer a terminal or break XML, by their escapes.

    Args:
        text: From a claims file or record.

    Returns:
        The text with line breaks kept and all else printable.
    """
    return "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text)


def _test_case(verdict: Verdict, title: str):
    from junitparser import Error, Failure, TestCase

    case = TestCase(printable(verdict.subject), classname=title)
    if verdict.status is Status.FAIL:
        case.result = [Failure(printable(verdict.detail))]
    elif verdict.status is not Status.PASS:
        case.result = [Error(printable(verdict.detail), verdict.status.name)]
    return case


def _counts(verdicts: list[Verdict]) -> list[str]:
    numbers = {status: sum(verdict.status is status for verdict in verdicts) for status in Status}
    return [f"{number} {status.value}" for status, number in numbers.items() if number or status is Status.PASS]
