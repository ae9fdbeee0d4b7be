"""Draw figures in a process of their own and tell every digit: `python -m tests.figures.drawing FOLDER NAME...`."""

import hashlib
import importlib
import json
import sys
from collections.abc import Generator
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from layercurv.figures import style
from layercurv.figures.registry import FIGURES
from tests.figures.frozen import records_of


def places(artist: Artist) -> Generator[np.ndarray]:
    """Where an artist lies on the page, in pixels, as matplotlib hands it to the file's format."""
    transform = artist.get_transform()
    if isinstance(artist, Line2D | Patch):
        yield transform.transform_path(artist.get_path()).vertices
    elif isinstance(artist, Collection):
        yield from (transform.transform_path(path).vertices for path in artist.get_paths())
    elif isinstance(artist, Text):
        yield transform.transform(artist.get_position())


def digits(figure: Figure) -> str:
    """A hash of all places to the last bit; files hold them rounded, which hides most of what a kernel moves."""
    found = hashlib.sha256()
    for artist in figure.findobj():
        for place in places(artist):
            found.update(np.ascontiguousarray(place, dtype=np.float64).tobytes())
    return found.hexdigest()


def draw(name: str, folder: Path) -> str:
    module = importlib.import_module(FIGURES[name])
    with style.styled():
        figure = module.draw(records_of(module))
        style.save(figure, folder, name)
        return digits(figure)


if __name__ == "__main__":
    print(json.dumps({name: draw(name, Path(sys.argv[1])) for name in sys.argv[2:]}))
