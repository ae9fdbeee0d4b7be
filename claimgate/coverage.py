"""Every numeral that the compiled paper prints: bound to a claim, or waived in writing.

Two texts are read: the paper, and the paper with marks of no width around what is printed by rule (see `papers`). They
must hold the same characters. Then each numeral of the marked one is told by the marks around it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from claimgate.around import set_otherwise
from claimgate.claim import Status, Verdict
from claimgate.closed_toml import NUMERALS
from claimgate.errors import InputError, shown
from claimgate.pdf_text import pdf_text
from claimgate.typed import Exemption, load_exemptions, objections, unlisted, used
from claimgate.unseen import unseen_text

MAX_WAIVED = 0.05  # of all numerals that state something
_KINDS = {"⟦": "claim", "⟬": "audited", "⟨": "waived", "⦃": "formula", "⟪": "rule"}
_CLOSES = dict(zip("⟧⟭⟩⦄⟫", _KINDS, strict=True))
_MARKS = "".join([*_KINDS, *_CLOSES])
_TOKEN = re.compile(rf"[{_MARKS}]|\d[\d.,]*\d|\d")
_CLAIM = re.compile(r"⟦([^⟧]*)⟧")
_CONTEXT = 30  # characters shown on either side of a numeral that nothing covers
_MOVES, _BLOCK = 16, 60  # how many blocks may have moved, and of how many characters at least


@dataclass(frozen=True)
class Coverage:
    """How the numerals of a document come about."""

    bound: int  # claims printed
    audited: int  # cells of verified audit rows printed
    waived: int  # numerals inside waivers, each of which has its reason in the source
    exempt: dict[str, int]  # numerals that state nothing: formula, rule (numbering, references, plots), name
    uncovered: list[str]  # the rest, each with its surroundings
    differing: str  # characters that only one of the two documents holds; empty if none
    objections: tuple[
        str, ...
    ] = ()  # what is never right: odd numerals, what changes a claim beside it, unlisted numbers
    exemptions: tuple[tuple[Exemption, int], ...] = ()  # each with how often it is made use of
    unprinted: tuple[str, ...] = ()  # claims that the source has printed, and the document does not, or not as often

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
                "claims of the source",
                not self.unprinted,
                "each printed wherever the source has it",
                f"not printed where the source has them: {'; '.join(self.unprinted[:10])}",
            ),
            _verdict(
                "waivers",
                self.waived_share < MAX_WAIVED,
                f"{self.waived_share:.1%} of what states something, below {MAX_WAIVED:.0%}",
                f"{self.waived_share:.1%} of what states something, expected below {MAX_WAIVED:.0%}",
            ),
            _verdict("marked document", not self.differing, "same characters as the paper", self.differing),
            _verdict(
                "typed quantities",
                not self.objections,
                "no numeral of another kind, nothing that changes a claim beside it, no number in a formula unlisted, "
                "nothing that nobody reads",
                f"{len(self.objections)}: {'; '.join(self.objections[:10])}",
            ),
            *(_judge_exemption(exemption, n) for exemption, n in self.exemptions),
        ]


def measure_coverage(
    paper: Path,
    marked: Path,
    claims: Path,
    printed: set[str] | None = None,
    placed: Iterable[tuple[str, str]] = (),
) -> Coverage:
    """Tell every numeral of a compiled paper.

    Args:
        paper: The PDF.
        marked: The same with marks.
        claims: The claims folder; its `numerals.toml` lists what may hold digits and states nothing.
        printed: What the verified claims state; None does not look whether what is marked as a claim is one.
        placed: Id and stated number of each place in the source that prints a claim.

    Returns:
        The coverage.

    Raises:
        InputError: If a PDF cannot be read, marks do not close, or `numerals.toml` is malformed.
    """
    plain, text = pdf_text(Path(paper)), pdf_text(Path(marked))
    unseen = (*unseen_text(Path(paper)), *set_otherwise(Path(marked)))
    return coverage_of(plain, text, Path(claims), printed, unseen, placed)


def coverage_of(
    plain: str,
    text: str,
    claims: Path,
    printed: set[str] | None = None,
    unseen: tuple[str, ...] = (),
    placed: Iterable[tuple[str, str]] = (),
) -> Coverage:
    """Tell every numeral of a paper by its two texts.

    Args:
        plain: As readers see it.
        text: The same with marks.
        claims: As for `measure_coverage`; without a `numerals.toml` nothing is exempt.
        printed: Likewise.
        unseen: From `unseen.unseen_text` and `around.set_otherwise`.
        placed: As for `measure_coverage`.

    Returns:
        The coverage.

    Raises:
        InputError: If marks do not close, or `numerals.toml` is malformed.
    """
    exemptions = load_exemptions(claims / NUMERALS) if (claims / NUMERALS).is_file() else []
    found = tell_numerals(text, names_of(exemptions), _differing(plain, text))
    broken = [*unseen, *objections(text), *unlisted(exemptions, text), *_odd_marks(plain, text, printed)]
    return replace(
        found,
        objections=tuple(broken),
        exemptions=tuple(zip(exemptions, used(exemptions, text), strict=True)),
        unprinted=tuple(_unprinted(text, placed)),
    )


def names_of(exemptions: list[Exemption]) -> re.Pattern:
    """Join the names that hold digits.

    Args:
        exemptions: What `numerals.toml` lists.

    Returns:
        A pattern that any of them meets.
    """
    patterns = [exemption.pattern.pattern for exemption in exemptions if exemption.kind == "name"]
    return re.compile("|".join(patterns) or "(?!)")


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
    named = [match.span() for match in names.finditer(text)]
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
    bare = [re.sub(rf"[{_MARKS}\s,\-\u00ad\u2010\ufffe]", "", text) for text in (plain, marked)]
    counts = [Counter(text) for text in bare]
    more, fewer = ("".join(sorted((a - b).elements())) for a, b in (counts, counts[::-1]))
    if more or fewer:
        return f"only in the paper: {shown(more)}, only with marks: {shown(fewer)}"
    start = _first_not_moved(*bare)
    if start is None:
        return ""
    told = (shown(text[start : start + _CONTEXT]) for text in bare)
    return "the same characters in another order, from {} in the paper, {} with marks".format(*told)


def _first_not_moved(plain: str, marked: str) -> int | None:
    # Pages may break elsewhere, and a figure float to another: what moves as one block of some length is no difference.
    for _ in range(_MOVES):
        start = _n_alike(plain, marked)
        if plain == marked:
            return None
        if not (moved := _with_block_moved(plain, marked, start)):
            other = _with_block_moved(marked, plain, start)
            plain, moved = (other or plain), (other and marked)
        if not moved:
            return start
        marked = moved
    return start


def _with_block_moved(model: str, text: str, start: int) -> str | None:
    # Bring the block that follows in `model` to `start`, if the text holds it further on.
    found = text.find(model[start : start + _BLOCK], start)
    if found < 0 or len(model) - start < _BLOCK:
        return None
    end = found + _n_alike(model[start:], text[found:])
    return text[:start] + text[found:end] + text[start:found] + text[end:]


def _n_alike(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _odd_marks(plain: str, marked: str, printed: set[str] | None) -> list[str]:
    found = [f"a mark in the paper itself: {mark}" for mark in _MARKS if mark in plain]
    if printed is not None:
        told = {_bare(_typeset(text)) for text in printed}
        claims = map(_bare, _CLAIM.findall(marked))
        found += [
            f"marked as a claim, and no verified claim prints it: {shown(text)}" for text in claims if text not in told
        ]
    return found


def _unprinted(marked: str, placed: Iterable[tuple[str, str]]) -> Iterator[str]:
    # What is printed has no id in the text: claims that state the same are counted together, and named together.
    wanted: dict[str, list[str]] = {}
    for id_, stated in placed:
        wanted.setdefault(_bare(_typeset(stated)), []).append(id_)
    found = Counter(map(_bare, _CLAIM.findall(marked)))
    for text, ids in wanted.items():
        if found[text] < len(ids):
            yield f"{', '.join(dict.fromkeys(ids))}: {len(ids)} in the source, {found[text]} in the document"


def _bare(text: str) -> str:
    return re.sub(r"[⦃⦄\s,⋅·^%]|points", "", text).replace("−", "-")


def _typeset(stated: str) -> str:
    mantissa, e, exponent = stated.partition("e")
    return f"{'' if mantissa == '1' else mantissa}10{exponent.replace('-0', '-')}" if e else stated


def _judge_exemption(exemption: Exemption, n: int) -> Verdict:
    told = f"{n} of at most {exemption.at_most}: {exemption.reason}"
    subject = f"{exemption.kind} {', '.join(exemption.texts)}"
    return _verdict(subject, 0 < n <= exemption.at_most, told, f"{told}; expected as many, and one at least")


def _verdict(subject: str, holds: bool, fine: str, broken: str) -> Verdict:
    return Verdict(subject, Status.PASS if holds else Status.FAIL, fine if holds else broken)
