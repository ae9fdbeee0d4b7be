"""The characters of a PDF page, each with its place and size as drawn."""

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Box = tuple[float, float, float, float]  # left, bottom, right, top in points

_BESIDE = 0.5  # of the font's size: a sign or digit that is nearer belongs to the number
_SQUEEZED = 0.4  # of the height: narrower text is as small as it is wide
_STRAIGHT = 1.0  # degrees: text turned by no more is read as upright
_ATTACHED = 0.15  # likewise: a digit that is so near to a letter is part of a name


@dataclass(frozen=True)
class Glyph:
    """One character."""

    character: str
    index: int  # in the extracted text
    box: Box
    size: float  # of the font, in points; infinite where unknown
    is_turned: bool  # upside down or mirrored
    is_of_page: bool  # and not of a figure
    is_of_name: bool = False  # a digit that a letter stands before, without a gap
    quarters: int = 0  # of a turn against the clock: 1 is read from below, 3 from above
    is_slanted: bool = False  # turned by something else
    baseline: float = 0.0  # where it stands, in points

    def upright(self, quarters: int) -> "Glyph":
        """Turn it back, and the page with it.

        Args:
            quarters: By how much text on the page is turned.

        Returns:
            The same where the page is seen so that this text is read from left to right.
        """
        return replace(self, box=turned_back(self.box, quarters)) if quarters else self

    @property
    def is_read(self) -> bool:
        """Whether it is a letter or digit; those of formulas come as two halves."""
        return self.character.isalnum() or "\ud800" <= self.character <= "\udfff"

    @property
    def beside(self) -> float:
        """How far something may be from a digit and still belong to the number, in points."""
        return _BESIDE * min(self.size, 100.0)


def turned_back(box: Box, quarters: int) -> Box:
    """Turn a box with its page, so that text turned by some quarters is upright.

    Args:
        box: On the page.
        quarters: 0, 1 or 3.

    Returns:
        Likewise, around the origin.
    """
    left, bottom, right, top = box
    return {0: box, 1: (bottom, -right, top, -left), 3: (-top, left, -bottom, right)}[quarters]


def glyphs_of(page) -> list[Glyph]:
    """List the characters of a page.

    Args:
        page: Of pypdfium2.

    Returns:
        All but blanks and what was generated between words, in the order of the text.
    """
    import pypdfium2.raw as pdfium

    texts = {_address(item.raw) for item in page.get_objects([pdfium.FPDF_PAGEOBJ_TEXT], max_depth=1)}
    text, found = page.get_textpage(), []
    for index in range(text.count_chars()):
        character = chr(pdfium.FPDFText_GetUnicode(text.raw, index))
        if character.isspace() or pdfium.FPDFText_IsGenerated(text.raw, index) == 1:
            continue
        matrix, box = pdfium.FS_MATRIX(), text.get_charbox(index)
        known = pdfium.FPDFText_GetMatrix(text.raw, index, matrix)
        is_turned = known and (matrix.a * matrix.d <= matrix.b * matrix.c or matrix.a < -abs(matrix.b))
        quarters, is_slanted = _turn(matrix.a, matrix.b) if known else (0, False)
        size = pdfium.FPDFText_GetFontSize(text.raw, index) * _scale(matrix) if known else math.inf
        is_of_page = _address(pdfium.FPDFText_GetTextObject(text.raw, index)) in texts
        before = found[-1] if found and found[-1].index == index - 1 else None
        upright = [turned_back(one, quarters) for one in ((box, before.box) if before else ())]
        near = before is not None and abs(upright[0][0] - upright[1][2]) < _ATTACHED * size
        is_of_name = near and (before.is_of_name or before.character.isalpha())
        origin = [ctypes.c_double(), ctypes.c_double()]
        pdfium.FPDFText_GetCharOrigin(text.raw, index, *origin)
        baseline = {0: origin[1].value, 1: -origin[0].value, 3: origin[0].value}[quarters]
        told = (bool(is_turned), is_of_page, is_of_name, quarters, is_slanted, baseline)
        found.append(Glyph(character, index, box, size, *told))
    return found


def _scale(matrix) -> float:
    # Of text that is squeezed to the width of nothing, not the height.
    wide, high = math.hypot(matrix.a, matrix.b), math.hypot(matrix.c, matrix.d)
    return high if wide > _SQUEEZED * high else wide


def _turn(a: float, b: float) -> tuple[int, bool]:
    angle = math.degrees(math.atan2(b, a))
    quarters = round(angle / 90)
    return {0: 0, 1: 1, -1: 3}.get(quarters, 0), abs(angle - 90 * quarters) > _STRAIGHT


def laid_beside(glyphs: Sequence[Glyph], quarters: int = 0) -> set[int]:
    """Find digits that a character stands within or beside which belongs elsewhere in the text.

    Beside a digit, the text has what is drawn there: to its left what comes before, to its right what comes after,
    without a gap. What was laid there from elsewhere makes another number of it, and extracted text has it elsewhere.

    Args:
        glyphs: Of a page, as seen when text turned by `quarters` is upright.
        quarters: Only digits turned so are looked at.

    Returns:
        The indices of these digits.
    """
    import numpy as np

    glyphs = [glyph for glyph in glyphs if glyph.is_of_page and glyph.box[2] > glyph.box[0]]
    if not glyphs:
        return set()
    boxes = np.array([glyph.box for glyph in glyphs])
    found = set()
    for place, glyph in enumerate(glyphs):
        if glyph.quarters == quarters and glyph.character.isdigit() and _is_laid_upon(place, glyph, boxes):
            found.add(glyph.index)
    return found


def _is_laid_upon(place: int, glyph: Glyph, boxes: "np.ndarray") -> bool:
    left, bottom, right, top = glyph.box
    across, height = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    is_near = (boxes[:, 2] > left - glyph.beside) & (boxes[:, 0] < right + glyph.beside)
    is_near &= abs(height - (bottom + top) / 2) < glyph.size  # on its line, commas and brackets too
    for other in ((height > bottom) & (height < top) & is_near).nonzero()[0]:
        is_before = across[other] < (left + right) / 2
        between = slice(min(place, other), max(place, other) + 1)
        if other != place and not ((other < place) == is_before and is_near[between].all()):
            return True
    return False


def _address(handle) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
