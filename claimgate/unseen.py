"""What a PDF holds and its reader does not read as it stands: too faint, too small, off the page, turned over, drawn on.

Extracted text has it all the same, so that a claim could be printed for the gate alone. What counts is the drawn page:
a letter or digit needs contrast within its box, a size, and to look as the text alone does, before a background of one
colour. Where a sign or another digit would stand beside a digit, nothing may be drawn but rules and edges of a
background.
"""

import ctypes
import math
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from claimgate.errors import shown

if TYPE_CHECKING:
    import numpy as np

_SCALE = 4  # pixels per point: a stroke of small print then has a pixel of its own
_CONTRAST = 90  # of 255, between the darkest and the lightest pixel of a character's box
_BRIGHTNESS = (0.11, 0.59, 0.30)  # of blue, green and red
_DRAWN = 40  # of 255, in any colour: what differs by more from the text alone is seen
_INK = 25  # of 255: a pixel with more belongs to the text
_SIZE = 4.0  # points, of the font as drawn: smaller is not read on paper
_BESIDE = 0.5  # of the font's size: a sign or digit that is nearer belongs to the number
_OUTER = 0.4  # of a letter's height, which may reach below or above a background
_RISE = 0.2  # of a digit's height: a bar that rises higher is a rule, and no digit
_SIGNS = "−-–%"  # a number without them is another
_BETWEEN_DIGITS = ".,"  # likewise

Box = tuple[float, float, float, float]  # left, bottom, right, top in points


def unseen_text(path: Path) -> list[str]:
    """List the letters and digits of a PDF that nobody reads, or reads as something else.

    Args:
        path: The file, which is a PDF.

    Returns:
        One text per run of them, with what is wrong.
    """
    from pypdfium2 import PdfDocument

    found = []
    with closing(PdfDocument(path)) as document:
        for number, page in enumerate(document, start=1):
            told = _characters(page, _Pixels(page, document[number - 1]))
            for why, run in groupby(told, key=lambda one: one[1]):
                if why:
                    found.append(f"{why}, page {number}: {shown(''.join(character for character, _ in run), 60)}")
    return found


def _characters(page, pixels: "_Pixels") -> Iterator[tuple[str, str]]:
    import pypdfium2.raw as pdfium

    text = page.get_textpage()
    for index in range(text.count_chars()):
        character = chr(pdfium.FPDFText_GetUnicode(text.raw, index))
        counts = character.isalnum() or character in _SIGNS or _is_between_digits(text.raw, index, character)
        if not counts or pdfium.FPDFText_IsGenerated(text.raw, index) == 1:
            continue
        matrix = pdfium.FS_MATRIX()
        known = pdfium.FPDFText_GetMatrix(text.raw, index, matrix)
        if known and (matrix.a * matrix.d <= matrix.b * matrix.c or matrix.a < -abs(matrix.b)):
            yield character, "text upside down or mirrored"
            continue
        size = pdfium.FPDFText_GetFontSize(text.raw, index) * math.hypot(matrix.c, matrix.d)
        if known and size < _SIZE - 1e-3:
            yield character, "text too small to be read"
            continue
        box, of_page = text.get_charbox(index), pixels.has(pdfium.FPDFText_GetTextObject(text.raw, index))
        if not pixels.is_seen(box):
            yield character, "text that is not seen"
        elif of_page and pixels.is_drawn_over(box):
            yield character, "text that is struck out or covered"
        elif of_page and character.isdigit() and pixels.is_drawn_beside(box, _BESIDE * size):
            yield character, "something drawn beside a number"
        else:
            yield character, ""


def _is_between_digits(text, index: int, character: str) -> bool:
    import pypdfium2.raw as pdfium

    sides = (chr(pdfium.FPDFText_GetUnicode(text, index + step)) for step in (-1, 1))
    return character in _BETWEEN_DIGITS and all(side.isdigit() for side in sides)


class _Pixels:
    """A page as it is drawn, and its text alone before white and before black."""

    def __init__(self, page, copy):
        import numpy as np
        import pypdfium2.raw as pdfium

        for one in (page, copy):
            one.set_rotation(0)
        self._left, _, _, self._top = page.get_cropbox()
        is_text = [(item, item.type == pdfium.FPDF_PAGEOBJ_TEXT) for item in page.get_objects(max_depth=1)]
        self._texts = {_address(item.raw) for item, is_one in is_text if is_one}
        for item in list(copy.get_objects(max_depth=1)):
            if item.type != pdfium.FPDF_PAGEOBJ_TEXT:
                copy.remove_obj(item)
        self._copy, self._page, self._white = copy, _rendered(page), _rendered(copy)
        differs = np.maximum(self._page, self._white) - np.minimum(self._page, self._white) > _DRAWN
        self._differs = differs[..., 0] | differs[..., 1] | differs[..., 2]  # `any` takes ten times as long

    @cached_property
    def _black(self) -> "np.ndarray":
        return _rendered(self._copy, (0, 0, 0, 255))

    def has(self, text) -> bool:
        """Say whether a text stands on the page itself, and not in a figure."""
        return _address(text) in self._texts

    def is_seen(self, box: Box) -> bool:
        """Say whether there is contrast."""
        region = self._page[self._slices(box)] @ _BRIGHTNESS
        return region.size > 0 and float(region.max() - region.min()) >= _CONTRAST

    def is_drawn_over(self, box: Box) -> bool:
        """Say whether the middle of a character looks otherwise: above and below, the edge of a background may lie."""
        outer = _OUTER * (box[3] - box[1])
        middle = self._slices((box[0], box[1] + outer, box[2], box[3] - outer))
        return bool(self._differs[middle].any() and self._is_other(middle, self._slices(box)).any())

    def is_drawn_beside(self, box: Box, margin: float) -> bool:
        """Say whether anything stands within or beside a digit but rules and the edges of its background."""
        rise = _RISE * (box[3] - box[1])
        wide = self._slices((box[0] - margin, box[1], box[2] + margin, box[3] + rise))
        if not self._differs[wide].any():
            return False
        is_other = self._is_other(wide, self._slices(box))
        is_rule = (is_other | (self._through(wide) < 255 - _INK)).all(axis=0)
        return bool(is_other[round(rise * _SCALE) + 1 : -1, ~is_rule].any())

    def _is_other(self, where: tuple[slice, slice], box: tuple[slice, slice]) -> "np.ndarray":
        # Than the text alone before the colour that its box has where there is no ink.
        import numpy as np

        if not (is_free := self._through(box) == 255).any():
            box, is_free = where, self._through(where) == 255
        background = np.median(self._page[box][is_free], axis=0) if is_free.any() else np.full(3, 255)
        behind = (255 - background) * (self._white[where].astype(float) - self._black[where]) / 255
        return (abs(self._white[where] - behind - self._page[where]) > _DRAWN).any(axis=-1)

    def _through(self, where: tuple[slice, slice]) -> "np.ndarray":
        return (self._white[where] - self._black[where]).min(axis=-1)  # 255 where there is no ink

    def _slices(self, box: Box) -> tuple[slice, slice]:
        left, bottom, right, top = box
        return (
            slice(max(0, int((self._top - top) * _SCALE)), max(0, int((self._top - bottom) * _SCALE) + 1)),
            slice(max(0, int((left - self._left) * _SCALE)), max(0, int((right - self._left) * _SCALE) + 1)),
        )


def _rendered(page, background: tuple[int, int, int, int] = (255, 255, 255, 255)) -> "np.ndarray":
    return page.render(scale=_SCALE, fill_color=background).to_numpy()[:, :, :3]  # of 255


def _address(handle) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
