"""What a PDF holds and its reader does not read as it stands: too faint, small or far out, turned over, drawn on.

Extracted text has it all the same, so that a claim could be printed for the gate alone. What counts is the drawn page:
a letter or digit needs contrast within its box, a size, and to look as the text alone does, before a background of one
colour. Where a sign or another digit would stand beside a digit, nothing may be drawn but rules, edges of a background,
and the text that comes before and after.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path

from claimgate.errors import shown
from claimgate.glyphs import Glyph, glyphs_of, laid_beside
from claimgate.pixels import Pixels

_SIZE = 4.0  # points, of the font as drawn: smaller is not read on paper
_SIGNS = "−-–%"  # a number without them is another
_BETWEEN_DIGITS = ".,"  # likewise


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
            glyphs = glyphs_of(page)
            told = _judged(glyphs, Pixels(page, document[number - 1], glyphs))
            for why, run in groupby(told, key=lambda one: one[1]):
                if why:
                    found.append(f"{why}, page {number}: {shown(''.join(character for character, _ in run), 60)}")
    return found


def _judged(glyphs: list[Glyph], pixels: Pixels) -> Iterator[tuple[str, str]]:
    # Text that is turned by a quarter is judged on the page as it is seen when that text is upright.
    seen = {0: (pixels, laid_beside(glyphs))}
    for quarters in {glyph.quarters for glyph in glyphs} - {0}:
        upright = [glyph.upright(quarters) for glyph in glyphs]
        seen[quarters] = pixels.turned_back(quarters), laid_beside(upright, quarters)
    for place, glyph in enumerate(glyphs):
        if glyph.is_read or glyph.character in _SIGNS or _is_between_digits(glyphs, place):
            yield glyph.character, _objection(glyph.upright(glyph.quarters), *seen[glyph.quarters])


def _is_between_digits(glyphs: list[Glyph], place: int) -> bool:
    sides = glyphs[max(0, place - 1) : place + 2]
    touch = [side.index for side in sides] == list(range(glyphs[place].index - 1, glyphs[place].index + 2))
    return (
        glyphs[place].character in _BETWEEN_DIGITS
        and touch
        and sides[0].character.isdigit()
        and sides[2].character.isdigit()
    )


def _objection(glyph: Glyph, pixels: Pixels, laid: set[int]) -> str:
    if glyph.is_turned:
        return "text upside down or mirrored"
    if glyph.is_slanted and glyph.is_of_page and glyph.character.isdigit():
        return "a number turned by no quarter"
    if glyph.size < _SIZE - 1e-3:
        return "text too small to be read"
    if not pixels.is_seen(glyph.box):
        return "text that is not seen"
    if glyph.index in laid:
        return "text from elsewhere laid beside a number"
    if glyph.is_of_page and pixels.is_drawn_over(glyph.box):
        return "text that is struck out or covered"
    if glyph.is_of_page and glyph.character.isdigit() and not glyph.is_of_name:
        return "something drawn beside a number" if pixels.is_drawn_beside(glyph.box, glyph.beside) else ""
    return ""
