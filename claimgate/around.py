"""What makes another number of a claim by how it is set: raised, lowered, a letter raised at it, a line drawn over it.

Extracted text has the same characters. So the drawn places are looked at, in the document with marks, which say where a
claim stands: `#super`, `textsuperscript` and a line drawn by hand look alike there.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from claimgate.errors import shown
from claimgate.glyphs import Box, Glyph, glyphs_of, turned_back

_CLAIM = re.compile(r"⟦([^⟦⟧]*)⟧|\[\[c:((?:(?!\[\[c:).)*?):c\]\]")
_OPEN, _CLOSE = re.compile(r"⦃|\[\[f:"), re.compile(r"⦄|:f\]\]")
_RULED = re.compile(r"^(?:⟪|\[\[r:)|(?:⟫|:r\]\])$")
_MARK = 0.5  # points: what is smaller is a mark
_DISPLACED = 0.05  # of the font's size: digits of a line stand no further above or below its other text
_SMALL = 0.56  # of the neighbour's size: what is as high is no superscript
_RAISED, _LOWERED = 0.15, 0.35  # of the font's size, of the foot and the head of a letter
_ATTACHED, _NEAR = 0.2, 1.0  # of the font's size, beside a claim
_LAID = 0.2  # of a digit's width and height, that another character may cover
_BAR = 1.5  # points: a thicker line is no bar
_ABOVE = 0.4  # of the font's size, above a digit
_LONGER = 0.6  # of the font's size, on either side: a rule of a table is longer than what stands below it


def set_otherwise(path: Path) -> list[str]:
    """List the claims that what is set around them makes another number.

    Args:
        path: The PDF with marks.

    Returns:
        What is wrong, with page and claim.
    """
    from pypdfium2 import PdfDocument

    with closing(PdfDocument(path)) as document:
        return [
            f"{why}, page {number}: {shown(text, 60)}"
            for number, page in enumerate(document, start=1)
            for text, why in _judged(glyphs_of(page), list(_bars_of(page)))
        ]


def _judged(glyphs: list[Glyph], bars: list[Box]) -> Iterator[tuple[str, str]]:
    text = "".join(glyph.character for glyph in glyphs)
    opens, closes = ([match.start() for match in mark.finditer(text)] for mark in (_OPEN, _CLOSE))
    for match in _CLAIM.finditer(text):
        start, end = match.span(1 if match[1] is not None else 2)
        claim = [glyph for glyph in glyphs[start:end] if glyph.size > _MARK]
        if not any(glyph.character.isdigit() for glyph in claim):
            continue
        quarters = claim[0].quarters
        claim = [glyph.upright(quarters) for glyph in claim]
        before, after = (
            _neighbour(glyphs, range(match.start() - 1, -1, -1), quarters),
            _neighbour(glyphs, range(match.end(), len(glyphs)), quarters),
        )
        is_formula = sum(start > one for one in opens) > sum(start > one for one in closes)
        page = glyphs if quarters == 0 else [glyph.upright(quarters) for glyph in glyphs]
        lines = [turned_back(bar, quarters) for bar in bars]
        if why := _objection(claim, before, after, is_formula, lines, page):
            yield text[start:end], why


def _objection(
    claim: list[Glyph],
    before: Glyph | None,
    after: Glyph | None,
    is_formula: bool,
    bars: list[Box],
    glyphs: list[Glyph],
) -> str:
    size = max(glyph.size for glyph in claim)
    digits = [glyph for glyph in claim if glyph.character.isdigit() and glyph.size > 0.9 * size]
    if not all(glyph.is_of_page for glyph in claim):
        return "a claim within a drawing, where what is drawn over it is not judged"
    if not is_formula and any(_is_shifted(digits, claim, one) for one in (before, after)):
        return "a claim raised or lowered beside its text"
    sides = [after] if is_formula else [before, after]
    if any(_is_raised_at(digits, claim, one) for one in sides):
        return "a letter raised or lowered at a claim"
    if _is_laid_over(digits, [glyph for glyph in glyphs if abs(glyph.box[1] - digits[0].box[1]) < size]):
        return "a claim that characters are laid over"
    if any(_is_bar_over(bar, digits, claim, size, glyphs) for bar in bars):
        return "a line over a claim"
    return ""


def _neighbour(glyphs: list[Glyph], places: range, quarters: int) -> Glyph | None:
    # The next character of the text that is no mark, unless it is printed by rule, as the mark of a footnote.
    marks = ""
    for place in places:
        if glyphs[place].size > _MARK:
            is_ruled = _RULED.search(marks if places.step > 0 else marks[::-1]) is not None
            return None if is_ruled or glyphs[place].quarters != quarters else glyphs[place].upright(quarters)
        marks += glyphs[place].character
    return None


def _gap(claim: list[Glyph], other: Glyph) -> float:
    left, right = min(glyph.box[0] for glyph in claim), max(glyph.box[2] for glyph in claim)
    return max(left - other.box[2], other.box[0] - right)


def _is_shifted(digits: list[Glyph], claim: list[Glyph], other: Glyph | None) -> bool:
    if other is None or not other.is_read or _gap(claim, other) > _NEAR * other.size:
        return False
    if abs(digits[0].baseline - other.baseline) > other.size:  # of another line
        return False
    displaced = min(abs(digit.box[1] - other.baseline) for digit in digits)
    return displaced > _DISPLACED * other.size and _height(digits) < _SMALL * other.size


def _is_raised_at(digits: list[Glyph], claim: list[Glyph], other: Glyph | None) -> bool:
    if other is None or not other.is_read or not -2 * _ATTACHED < _gap(claim, other) / digits[0].size < _ATTACHED:
        return False
    foot, head = (other.box[side] - digits[0].baseline for side in (1, 3))
    size = digits[0].size
    return _RAISED * size < foot < size or -size < foot < head < _LOWERED * size


def _height(digits: list[Glyph]) -> float:
    return max(digit.box[3] - digit.box[1] for digit in digits)


def _is_laid_over(digits: list[Glyph], glyphs: list[Glyph]) -> bool:
    import numpy as np

    others = [glyph for glyph in glyphs if glyph.size > _MARK and glyph.is_read]
    boxes, indices = np.array([glyph.box for glyph in others]), np.array([glyph.index for glyph in others])
    for digit in digits:
        left, bottom, right, top = digit.box
        wide = np.minimum(right, boxes[:, 2]) - np.maximum(left, boxes[:, 0]) > _LAID * (right - left)
        high = np.minimum(top, boxes[:, 3]) - np.maximum(bottom, boxes[:, 1]) > _LAID * (top - bottom)
        if (wide & high & (indices != digit.index)).any():
            return True
    return False


def _is_bar_over(bar: Box, digits: list[Glyph], claim: list[Glyph], size: float, glyphs: list[Glyph]) -> bool:
    left, bottom, right, top = bar
    if right <= left or top - bottom > _BAR:
        return False
    over = [digit for digit in digits if -0.1 * size < bottom - digit.box[3] < _ABOVE * size]
    over = [digit for digit in over if left < (digit.box[0] + digit.box[2]) / 2 < right]
    if not over:
        return False
    first, last = min(glyph.box[0] for glyph in claim), max(glyph.box[2] for glyph in claim)
    is_rule = left < first - _LONGER * size and right > last + _LONGER * size
    return not is_rule and not _is_of_fraction(bar, glyphs)


def _is_of_fraction(bar: Box, glyphs: list[Glyph]) -> bool:
    middle = (bar[1] + bar[3]) / 2
    for glyph in glyphs:
        is_over = glyph.is_read and glyph.size > _MARK and bar[0] < (glyph.box[0] + glyph.box[2]) / 2 < bar[2]
        if is_over and 0 < glyph.box[1] - middle < 0.5 * glyph.size:
            return True
    return False


def _bars_of(page) -> Iterator[Box]:
    import pypdfium2.raw as pdfium

    for item in page.get_objects([pdfium.FPDF_PAGEOBJ_PATH], max_depth=1):
        bar = item.get_bounds()
        if min(bar[2] - bar[0], bar[3] - bar[1]) <= _BAR:
            yield bar
