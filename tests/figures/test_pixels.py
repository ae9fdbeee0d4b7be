"""The committed figures are the pixels that the frozen records give, in the fonts that come with matplotlib."""

import matplotlib.image
import numpy as np
import pypdf
import pytest

from layercurv.figures import style
from layercurv.figures.registry import FIGURES, generate
from tests.conftest import ROOT

MAX_OFF = 1e-4  # share of pixels that may differ: another build of a font library rounds an edge here and there


def pixels(path) -> np.ndarray:
    return matplotlib.image.imread(path)[..., :3]


def share_off(drawn: np.ndarray, committed: np.ndarray) -> float:
    return float((abs(drawn - committed).max(axis=-1) > 0.1).mean())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    generate(list(FIGURES), ROOT / "results", folder)
    return folder


@pytest.mark.parametrize("name", FIGURES)
def test_pixels_are_the_committed_ones(name, drawn):
    now, committed = (pixels(folder / f"{name}.png") for folder in (drawn, ROOT / "figures"))
    assert now.shape == committed.shape
    assert share_off(now, committed) <= MAX_OFF


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_ink_and_fits_the_page(name, drawn):
    image = pixels(drawn / f"{name}.png")
    height, width, _ = image.shape
    assert width / 200 in {style.COLUMN_INCHES, style.PAGE_INCHES}
    assert height / 200 <= 9.5
    assert 0.01 < (image.min(axis=-1) < 0.9).mean() < 0.5
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (edge > 0.99).all(), "something is cut off at the edge"


@pytest.mark.parametrize("name", FIGURES)
def test_fonts_are_matplotlibs_own_and_embedded(name, drawn):
    (page,) = pypdf.PdfReader(drawn / f"{name}.pdf").pages
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        assert "DejaVu" in inner["/BaseFont"], inner["/BaseFont"]
        assert "/FontFile2" in inner["/FontDescriptor"].get_object()


def test_one_moved_mark_is_seen(drawn):
    image = pixels(drawn / "published_audit_scoreboard.png")
    rows, columns = np.nonzero((image[..., 2] > 0.6) & (image[..., 0] < 0.1))  # the colour of round marks
    row, column = rows[len(rows) // 2], columns[len(rows) // 2]
    around = np.s_[max(0, row - 20) : row + 20, max(0, column - 20) : column + 20]
    moved = image.copy()
    moved[around] = np.roll(image[around], 10, axis=0)
    assert share_off(image, image) == 0
    assert share_off(moved, image) > MAX_OFF
