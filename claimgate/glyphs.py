"""The characters of a PDF page, each with its place and size as drawn."""

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Box = tuple[float, float, float, float]  # left, bottom, right, top in points

_BESIDE = 0.5  # of the font's size: a sign or digit that is nearer belongs to the number
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

    @property
    def is_read(self) -> bool:
        """Whether it is a letter or digit; those of formulas come as two halves."""
        return self.character.isalnum() or "\ud800" <= self.character <= "\udfff"

    @property
    def beside(self) -> float:
        """How far something may be from a digit and still belong to the number, in points."""
        return _BESIDE * min(self.size, 100.0)


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
        size = pdfium.FPDFText_GetFontSize(text.raw, index) * math.hypot(matrix.c, matrix.d) if known else math.inf
        is_of_page = _address(pdfium.FPDFText_GetTextObject(text.raw, index)) in texts
        before = found[-1] if found and found[-1].index == index - 1 else None
        near = before is not None and abs(box[0] - before.box[2]) < _ATTACHED * size
        is_of_name = near and (before.is_of_name or before.character.isalpha())
        found.append(Glyph(character, index, box, size, bool(is_turned), is_of_page, is_of_name))
    return found


def laid_beside(glyphs: Sequence[Glyph]) -> set[int]:
    """Find digits that a character stands within or beside which belongs elsewhere in the text.

    Beside a digit, the text has what is drawn there: to its left what comes before, to its right what comes after,
    without a gap. What was laid there from elsewhere makes another number of it, and extracted text has it elsewhere.

    Args:
        glyphs: Of a page.

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
        if glyph.character.isdigit() and _is_laid_upon(place, glyph, boxes):
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
