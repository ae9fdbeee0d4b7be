"""One look for all figures: fixed size and fonts, colour-blind safe, byte-identical on a rebuild."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.scale import register_scale

from layercurv.figures.log_scale import ReproducibleLogScale
from layercurv.files import atomic_path

register_scale(ReproducibleLogScale)

COLUMN_INCHES = 3.35  # width of one column of the paper
PAGE_INCHES = 7.0  # width of both columns

# Okabe and Ito (2008), in an order whose greys differ too.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY = "#8C8C8C"

RC = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 6.5,
    "lines.linewidth": 1.0,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,
    "figure.dpi": 200,
    "mathtext.fontset": "dejavusans",
}


def new_figure(width: float, height: float) -> Figure:
    """Start a figure; draw it within `styled`.

    Args:
        width: Inches.
        height: Inches.

    Returns:
        An empty figure with automatic layout.
    """
    return Figure(figsize=(width, height), layout="constrained")


def styled():
    """Return the context in which figures are drawn and saved.

    Returns:
        A context manager; matplotlib's settings are restored behind it.
    """
    return matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC, "backend": "agg"})


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PDF and PNG without dates or program names, so that equal data give equal bytes.

    Args:
        figure: What to write.
        folder: Where to.
        name: File name without ending.

    Returns:
        The two paths.
    """
    # Lay out once for both files; left to itself, savefig lays out and walks through the whole figure again for each.
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine(None)
    metadata = {"pdf": {"CreationDate": None, "Creator": None, "Producer": None}, "png": {"Software": None}}
    paths = []
    for ending, fields in metadata.items():
        path = Path(folder) / f"{name}.{ending}"
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=ending, metadata=fields)
        paths.append(path)
    return paths
