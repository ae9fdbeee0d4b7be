"""A drawn page against its text alone: what else is drawn over a character, or beside a digit."""

from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING

from claimgate.glyphs import Box, Glyph

if TYPE_CHECKING:
    import numpy as np

_SCALE = 4  # pixels per point: a stroke of small print then has a pixel of its own
_BRIGHTNESS = (0.11, 0.59, 0.30)  # of blue, green and red
_CONTRAST = 90  # of 255, between the darkest and the lightest pixel of a character's box
_DRAWN = 40  # of 255, in any colour: what differs by more from the text alone is seen
_INK = 25  # of 255: a pixel with more belongs to the text
_BAR = 1.5  # points: the bar of a fraction is thinner
_OUTER = 0.4  # of a letter's height, which may reach below or above a background
_RISE = 0.2  # of a digit's height: a bar that rises higher is a rule, and no digit


class Pixels:
    """A page as it is drawn, and its text alone before white and before black."""

    def __init__(self, page, again, glyphs: list[Glyph]):
        """Draw them.

        Args:
            page: Of pypdfium2.
            again: The same page, loaded once more; what is no text and no bar of a fraction is taken from it.
            glyphs: Its characters.
        """
        import numpy as np
        import pypdfium2.raw as pdfium

        for one in (page, again):
            one.set_rotation(0)
        self._left, _, _, self._top = page.get_cropbox()
        for item in list(again.get_objects(max_depth=1)):
            is_path = item.type == pdfium.FPDF_PAGEOBJ_PATH
            if item.type != pdfium.FPDF_PAGEOBJ_TEXT and not (is_path and _is_fraction_bar(item.get_bounds(), glyphs)):
                again.remove_obj(item)
        self._copy, self._page, self._white = again, _rendered(page), _rendered(again)
        differs = np.maximum(self._page, self._white) - np.minimum(self._page, self._white) > _DRAWN
        self._differs = differs[..., 0] | differs[..., 1] | differs[..., 2]  # `any` takes ten times as long

    def turned_back(self, quarters: int) -> "Pixels":
        """Turn the page, so that text turned by some quarters is upright.

        Args:
            quarters: 0, 1 or 3.

        Returns:
            The page as it is seen then, in the coordinates of `glyphs.turned_back`.
        """
        import numpy as np

        if not quarters:
            return self
        turned, height, width = copy(self), *(n / _SCALE for n in self._page.shape[:2])
        for name in ("_page", "_white", "_black", "_differs"):
            setattr(turned, name, np.rot90(getattr(self, name), -1 if quarters == 1 else 1))
        right, bottom = self._left + width, self._top - height
        turned._left, turned._top = (bottom, -self._left) if quarters == 1 else (-self._top, right)
        return turned

    @cached_property
    def _black(self) -> "np.ndarray":
        return _rendered(self._copy, (0, 0, 0, 255))

    def is_seen(self, box: Box) -> bool:
        """Look for contrast.

        Args:
            box: Of a character.

        Returns:
            Whether there is enough to read it.
        """
        region = self._page[self._slices(box)] @ _BRIGHTNESS
        return region.size > 0 and float(region.max() - region.min()) >= _CONTRAST

    def is_drawn_over(self, box: Box) -> bool:
        """Look for anything but text in the middle of a character: above and below, a background may have its edge.

        Args:
            box: Of the character.

        Returns:
            Whether it looks otherwise than the text alone before one colour.
        """
        outer = _OUTER * (box[3] - box[1])
        middle = self._slices((box[0], box[1] + outer, box[2], box[3] - outer))
        return bool(self._differs[middle].any() and self._is_other(middle, self._slices(box)).any())

    def is_drawn_beside(self, box: Box, margin: float) -> bool:
        """Look for anything but text within a digit or beside it.

        Args:
            box: Of the digit.
            margin: How far to either side, in points.

        Returns:
            Whether there is something that is no vertical rule or edge of a background.
        """
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


def _is_fraction_bar(bar: Box, glyphs: list[Glyph]) -> bool:
    # With letters or digits close above and below it, and through none.
    if bar[3] - bar[1] > _BAR:
        return False
    middle, sides = (bar[1] + bar[3]) / 2, set()
    for glyph in glyphs:
        left, bottom, right, top = glyph.box
        if glyph.is_of_page and glyph.is_read and right > bar[0] and left < bar[2]:
            if bottom < middle < top:
                return False
            if min(abs(bottom - middle), abs(top - middle)) < glyph.beside and bar[0] < (left + right) / 2 < bar[2]:
                sides.add(bottom > middle)
    return len(sides) == 2


def _rendered(page, background: tuple[int, int, int, int] = (255, 255, 255, 255)) -> "np.ndarray":
    return page.render(scale=_SCALE, fill_color=background).to_numpy()[:, :, :3]  # of 255
