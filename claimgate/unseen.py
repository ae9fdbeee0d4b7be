"""What a PDF holds and its reader does not read: too faint, too small, covered, off the page, struck out, turned over.

Extracted text has it all the same, so that a claim could be printed for the gate alone. What counts is the drawn page:
a letter or digit needs contrast within its box, a size, and nothing drawn over it later.
"""

import ctypes
import math
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path

from claimgate.errors import shown

_SCALE = 4  # pixels per point: a stroke of small print then has a pixel of its own
_CONTRAST = 90  # of 255, between the darkest and the lightest pixel of a character's box
_SIZE = 4.0  # points, of the font as drawn: smaller is not read on paper
_RULE = 3.0  # points: a flat object as thin as this is a line
_COVERED = 0.5  # of a character's box
_SIGNS = "−-–%"  # a number without them is another
_BETWEEN_DIGITS = ".,"  # likewise
_SIMPLE = 8  # segments: a box or a line; of other shapes the bounding box says too little

Box = tuple[float, float, float, float]  # left, bottom, right, top in points


def unseen_text(path: Path) -> list[str]:
    """List the letters and digits of a PDF that nobody reads.

    Args:
        path: The file, which is a PDF.

    Returns:
        One text per run of them, with what is wrong.
    """
    from pypdfium2 import PdfDocument

    found = []
    with closing(PdfDocument(path)) as document:
        for number, page in enumerate(document, start=1):
            page.set_rotation(0)
            told = _characters(page)
            for why, run in groupby(told, key=lambda one: one[1]):
                if why:
                    found.append(f"{why}, page {number}: {shown(''.join(character for character, _ in run), 60)}")
    return found


def _characters(page) -> Iterator[tuple[str, str]]:
    import pypdfium2.raw as pdfium

    pixels = page.render(scale=_SCALE, grayscale=True).to_numpy()
    pixels = pixels.reshape(pixels.shape[0], pixels.shape[1])
    left, _, _, top = page.get_cropbox()
    places, over = _drawn(page)
    text = page.get_textpage()
    for index in range(text.count_chars()):
        character = chr(pdfium.FPDFText_GetUnicode(text.raw, index))
        counts = character.isalnum() or character in _SIGNS or _is_between_digits(text.raw, index, character)
        if not counts or pdfium.FPDFText_IsGenerated(text.raw, index) == 1:
            continue
        box = text.get_charbox(index)
        rows = slice(max(0, int((top - box[3]) * _SCALE)), max(0, int((top - box[1]) * _SCALE) + 1))
        columns = slice(max(0, int((box[0] - left) * _SCALE)), max(0, int((box[2] - left) * _SCALE) + 1))
        region = pixels[rows, columns]
        matrix = pdfium.FS_MATRIX()
        known = pdfium.FPDFText_GetMatrix(text.raw, index, matrix)
        if known and (matrix.a * matrix.d <= matrix.b * matrix.c or matrix.a < -abs(matrix.b)):
            yield character, "text upside down or mirrored"
            continue
        size = pdfium.FPDFText_GetFontSize(text.raw, index) * math.hypot(matrix.c, matrix.d)
        if known and size < _SIZE - 1e-3:
            yield character, "text too small to be read"
            continue
        place = places.get(_address(pdfium.FPDFText_GetTextObject(text.raw, index)), -1)
        yield character, _objection(box, region, [other for at, other in over if at > place >= 0], over)


def _is_between_digits(text, index: int, character: str) -> bool:
    import pypdfium2.raw as pdfium

    sides = (chr(pdfium.FPDFText_GetUnicode(text, index + step)) for step in (-1, 1))
    return character in _BETWEEN_DIGITS and all(side.isdigit() for side in sides)


def _objection(box: Box, region, later: list[Box], over: list[tuple[int, Box]]) -> str:
    if region.size == 0 or int(region.max()) - int(region.min()) < _CONTRAST:
        return "text that is not seen"
    if any(_strikes(other, box) for _, other in over):
        return "text that is struck out"
    if any(_shared(other, box) > _COVERED for other in later):
        return "text that is covered"
    return ""


def _strikes(line: Box, box: Box) -> bool:
    height, middle = box[3] - box[1], (line[1] + line[3]) / 2
    wide = min(line[2], box[2]) - max(line[0], box[0]) > _COVERED * (box[2] - box[0])
    return line[3] - line[1] < _RULE and wide and box[1] + height / 5 < middle < box[3] - height / 5


def _shared(other: Box, box: Box) -> float:
    width, height = min(other[2], box[2]) - max(other[0], box[0]), min(other[3], box[3]) - max(other[1], box[1])
    return max(0.0, width) * max(0.0, height) / max(1e-9, (box[2] - box[0]) * (box[3] - box[1]))


def _drawn(page) -> tuple[dict[int, int], list[tuple[int, Box]]]:
    # Where each text object stands in the order of drawing, and what of a box's shape may lie over text.
    import pypdfium2.raw as pdfium

    places, over = {}, []
    for place, item in enumerate(page.get_objects(max_depth=1)):
        if item.type == pdfium.FPDF_PAGEOBJ_TEXT:
            places[_address(item.raw)] = place
        elif item.type == pdfium.FPDF_PAGEOBJ_IMAGE or (item.type == pdfium.FPDF_PAGEOBJ_PATH and _is_box(item.raw)):
            over.append((place, tuple(item.get_bounds())))
    return places, over


def _is_box(path) -> bool:
    import pypdfium2.raw as pdfium

    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(path, fill, stroke)
    line = pdfium.FPDFPath_CountSegments(path) == 2 and stroke.value
    return bool(line) or (fill.value != 0 and pdfium.FPDFPath_CountSegments(path) <= _SIMPLE)


def _address(handle) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
