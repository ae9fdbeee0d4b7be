"""The HTML report, read by somebody who did not write it: does it show each claim and each audited row as they are?"""

import base64
import hashlib
import html
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from claimgate.claim import Claim, Status, Verdict
from claimgate.published.row import Row
from layercurv.errors import InputError

_TABLE = re.compile(r'<table id="(\w+)-table">.*?<tbody>(.*?)</tbody>', re.DOTALL)
_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_CELL = re.compile(r'<td data-label="([^"]*)">(.*?)</td>', re.DOTALL)
_EVIDENCE = re.compile(r"<details>.*?</details>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_IMAGE = re.compile(r'src="data:image/png;base64,([^"]*)"')
_ACTIVE = re.compile(r"<script\b[^>]*>(.*?)</script>", re.DOTALL)


def judge_report(path: Path, root: Path, claims: list[Claim], rows: list[Row]) -> Verdict:
    """Read the report.

    Args:
        path: The HTML file.
        root: The checkout, with the report's script and the figures.
        claims: All claims.
        rows: All rows of the audit.

    Returns:
        The verdict.

    Raises:
        InputError: If there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected the HTML report, found none; run `make report`")
    text = path.read_text(encoding="utf-8", errors="replace")
    wrong = list(_wrong(text, root, claims, rows))
    status = Status.FAIL if wrong else Status.PASS
    fine = f"shows {len(claims)} claims, {len(rows)} audited rows and the figures as they are"
    return Verdict("HTML report", status, f"{len(wrong)}: {'; '.join(wrong[:5])}; run `make report`" if wrong else fine)


def _wrong(text: str, root: Path, claims: list[Claim], rows: list[Row]) -> Iterator[str]:
    tables = dict(_TABLE.findall(text))
    shown = Counter(_cells(tables.get("claims", ""), ("claim", "statement", "place", "stated", "verdict")))
    yield from _differences(shown, Counter(_claim(claim) for claim in claims))
    shown = Counter(_cells(tables.get("audit", ""), ("id", "statement", "place", "printed", "its data")))
    yield from _differences(shown, Counter((row.id, row.sentence, row.place, row.printed, row.verdict) for row in rows))
    known = {hashlib.sha256(figure.read_bytes()).digest() for figure in (root / "figures").glob("*.png")}
    images = _IMAGE.findall(text)
    yield from ("a figure that is none of ours" for image in images if _digest(image) not in known)
    script = (root / "layercurv" / "page" / "page.js").read_text(encoding="utf-8")
    if _ACTIVE.findall(text) != [script]:
        yield "another script than the page's"


def _claim(claim: Claim) -> tuple[str, ...]:
    unit = f" {claim.unit}" if claim.unit == "points" else claim.printed_unit
    return (claim.id, claim.sentence, claim.place, f"{claim.stated}{unit}", "pass")


def _cells(body: str, labels: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for row in _ROW.findall(body):
        cells = {label: _plain(content) for label, content in _CELL.findall(row)}
        yield tuple(cells.get(label, "") for label in labels)


def _plain(content: str) -> str:
    return html.unescape(_TAG.sub("", _EVIDENCE.sub("", content))).strip()


def _differences(shown: Counter, expected: Counter) -> Iterator[str]:
    yield from (f"not as it is: {' | '.join(row)[:120]}" for row in shown - expected)
    yield from (f"not shown: {row[0]}" for row in expected - shown)


def _digest(image: str) -> bytes:
    return hashlib.sha256(base64.b64decode(image)).digest()
