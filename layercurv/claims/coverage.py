"""Every numeral that the compiled paper prints: bound to a claim, or waived in writing.

Two PDFs are read: the paper, and the paper with marks of no width around what is printed by rule (`paper/claims.typ`).
They must hold the same characters. Then each numeral of the marked one is told by the marks around it.
"""

import re
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from layercurv.claims.claim import Status, Verdict
from layercurv.claims.closed_toml import NUMERALS, filled_table, read_toml
from layercurv.errors import InputError, shown

MAX_WAIVED = 0.05  # of all numerals that state something
_KINDS = {"⟦": "claim", "⟬": "audited", "⟨": "waived", "⦃": "formula", "⟪": "rule"}
_CLOSES = dict(zip("⟧⟭⟩⦄⟫", _KINDS, strict=True))
_MARKS = "".join([*_KINDS, *_CLOSES])
_TOKEN = re.compile(rf"[{_MARKS}]|\d[\d.,]*\d|\d")
_CITATION = re.compile(r"\[\d+\]")
_CONTEXT = 30  # characters shown on either side of a numeral that nothing covers


@dataclass(frozen=True)
class Coverage:
    """How the numerals of a document come about."""

    bound: int  # claims printed
    audited: int  # cells of verified audit rows printed
    waived: int  # numerals inside waivers, each of which has its reason in the source
    exempt: dict[str, int]  # numerals that state nothing: formula, rule (numbering, references, plots), name
    uncovered: list[str]  # the rest, each with its surroundings
    differing: str  # characters that only one of the two documents holds; empty if none

    @property
    def waived_share(self) -> float:
        """Waived numerals in all that state something."""
        return self.waived / max(1, self.bound + self.waived + len(self.uncovered))

    def verdicts(self) -> list[Verdict]:
        """Judge the document.

        Returns:
            One verdict per rule.
        """
        exempt = ", ".join(f"{n} {kind}" for kind, n in self.exempt.items())
        counts = f"{self.bound} bound to claims, {self.audited} to audited rows, {self.waived} waived; exempt: {exempt}"
        found = f"{len(self.uncovered)} neither bound nor waived: {'; '.join(self.uncovered[:10])}"
        return [
            _verdict("numerals", not self.uncovered, counts, found),
            _verdict("claims printed", self.bound > 0, f"{self.bound}", "none: a paper without numbers needs no gate"),
            _verdict(
                "waivers",
                self.waived_share < MAX_WAIVED,
                f"{self.waived_share:.1%} of what states something, below {MAX_WAIVED:.0%}",
                f"{self.waived_share:.1%} of what states something, expected below {MAX_WAIVED:.0%}",
            ),
            _verdict("marked document", not self.differing, "same characters as the paper", self.differing),
        ]


def measure_coverage(paper: Path, marked: Path, claims: Path) -> Coverage:
    """Tell every numeral of a compiled paper.

    Args:
        paper: The PDF.
        marked: The same with marks.
        claims: The claims folder; its `numerals.toml` lists names that hold digits.

    Returns:
        The coverage.

    Raises:
        InputError: If a PDF cannot be read, marks do not close, or `numerals.toml` is malformed.
    """
    text = pdf_text(Path(marked))
    return tell_numerals(text, load_names(Path(claims) / NUMERALS), _differing(pdf_text(Path(paper)), text))


def pdf_text(path: Path) -> str:
    """Extract the text of a PDF.

    Args:
        path: The file.

    Returns:
        The text, white space made single blanks.

    Raises:
        InputError: If it is missing or no PDF.
    """
    from pypdfium2 import PdfDocument, PdfiumError

    if not Path(path).is_file():
        raise InputError(f"{path}: expected the compiled paper, found none; run `make paper` first")
    try:
        with closing(PdfDocument(path)) as document:
            return " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())
    except PdfiumError as error:
        raise InputError(f"{path}: expected a PDF, got one that does not parse: {shown(str(error))}") from error


def load_names(path: Path) -> re.Pattern:
    """Read the names that hold digits.

    Args:
        path: A TOML file of `[[name]]` tables with `text` (a list; `#` stands for digits) and `reason`.

    Returns:
        A pattern that any of them meets.

    Raises:
        InputError: If the file is malformed.
    """
    document = read_toml(path)
    tables = document.pop("name", [])
    if document or not isinstance(tables, list):
        raise InputError(f"{path}: expected [[name]] tables and nothing else")
    try:
        texts = [text for table in tables for text in _names(table)]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    alternatives = "|".join(re.escape(text).replace(r"\#", r"\d+").replace(r"\ ", " ?") for text in texts)
    return re.compile(rf"(?<![\w.])(?:{alternatives or '(?!)'})(?!\w)")


def _names(table: object) -> list[str]:
    texts = filled_table(table, {"text", "reason"}, {}, {"reason"})["text"]
    if not isinstance(texts, list) or not all(isinstance(text, str) and "#" in text for text in texts):
        raise InputError(f"expected text to be a list of names with # in them, got {shown(texts)}")
    return texts


def tell_numerals(text: str, names: re.Pattern, differing: str = "") -> Coverage:
    """Tell every numeral of a marked text.

    Args:
        text: With marks.
        names: What holds digits and states nothing.
        differing: Passed on.

    Returns:
        The coverage.

    Raises:
        InputError: If a mark is not closed, or closed without being open.
    """
    counts, uncovered, open_marks = Counter(), [], []
    named = [match.span() for pattern in (names, _CITATION) for match in pattern.finditer(text)]
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in _KINDS:
            open_marks.append(token)
            counts["claim"] += token == "⟦"  # once, whatever it prints
            counts["audited"] += token == "⟬"
        elif token in _CLOSES:
            if not open_marks or open_marks.pop() != _CLOSES[token]:
                raise InputError(f"expected marks that close in order, got {_around(text, match)}")
        else:
            kind = _kind(match, open_marks, named)
            if kind == "uncovered":
                uncovered.append(_around(text, match))
            elif kind not in {"claim", "audited"}:
                counts[kind] += 1
    if open_marks:
        raise InputError(f"expected every mark to be closed, {len(open_marks)} are not")
    exempt = {kind: counts[kind] for kind in ("formula", "rule", "name")}
    return Coverage(counts["claim"], counts["audited"], counts["waived"], exempt, uncovered, differing)


def _kind(match: re.Match, open_marks: list[str], named: list[tuple[int, int]]) -> str:
    around = {_KINDS[mark] for mark in open_marks}
    for kind in ("claim", "audited", "waived", "rule"):
        if kind in around:
            return kind
    if "formula" in around and len(match.group()) == 1:
        return "formula"  # one digit is an exponent or index; more is a number that somebody typed
    return "name" if any(start <= match.start() < end for start, end in named) else "uncovered"


def _around(text: str, match: re.Match) -> str:
    start = max(0, match.start() - _CONTEXT)
    return shown(re.sub(f"[{_MARKS}]", "", text[start : match.end() + _CONTEXT]))


def _differing(plain: str, marked: str) -> str:
    # Left out: commas (numbered references side by side are typeset "[2], [3]" without marks only) and hyphens (a line
    # may break elsewhere).
    counts = [Counter(re.sub(rf"[{_MARKS}\s,\-\u00ad\u2010\ufffe]", "", text)) for text in (plain, marked)]
    more, fewer = ("".join(sorted((a - b).elements())) for a, b in (counts, counts[::-1]))
    return f"only in the paper: {shown(more)}, only with marks: {shown(fewer)}" if more or fewer else ""


def _verdict(subject: str, holds: bool, fine: str, broken: str) -> Verdict:
    return Verdict(subject, Status.PASS if holds else Status.FAIL, fine if holds else broken)
