"""An alpha map as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from layercurv.errors import InputError
from layercurv.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from layercurv.measure.result import LayerAlpha

COLOURS = {"ggn": "#0072B2", "tangent": "#D55E00", "double_backward": "#009E73"}  # Okabe and Ito 2008
GREY = "#8C8C8C"
NAMED_LAYERS = 40  # more names do not fit under an axis


def draw(layers: list["LayerAlpha"], path: Path | None) -> Figure:
    """Draw alpha along depth, and h against sigma.

    Args:
        layers: The layers.
        path: Where to save it, or None.

    Returns:
        The figure.

    Raises:
        InputError: If pictures cannot be saved as what the path's ending says.
    """
    if path is not None:
        _require_known(path)
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _alphas(left, layers)
    _curvatures(right, layers)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    if path is not None:
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=_format(path), dpi=150)
    return figure


def _format(path: Path) -> str:
    return path.suffix.removeprefix(".").lower() or "png"


def _require_known(path: Path) -> None:
    known = FigureCanvasAgg.get_supported_filetypes()
    if _format(path) not in known:
        raise InputError(f"{path}: expected a picture's ending, one of {', '.join(sorted(known))}, got {path.suffix!r}")


def _alphas(axes: "Axes", layers: list["LayerAlpha"]) -> None:
    axes.axhline(2, color=GREY, linewidth=0.8, linestyle="--")  # where sampling noise alone puts it
    for engine, colour in COLOURS.items():
        fitted = [(x, la.alpha) for x, la in enumerate(layers) if la.engine == engine and la.alpha is not None]
        if fitted:
            axes.plot(*zip(*fitted, strict=True), "o", color=colour, markersize=4)
    for x, layer in enumerate(layers):
        if layer.interval is not None:
            axes.vlines(x, *layer.interval, color=COLOURS.get(layer.engine, GREY), linewidth=1)
    if len(layers) <= NAMED_LAYERS:
        axes.set_xticks(range(len(layers)), [layer.name for layer in layers], rotation=90, fontsize=6)
    else:
        axes.set_xlabel("layer")
    axes.set_ylabel("alpha")
    axes.set_title("alpha of every layer, with 95 % interval", loc="left", fontsize=10)


def _curvatures(axes: "Axes", layers: list["LayerAlpha"]) -> None:
    for layer in layers:
        used = (layer.h > 0) & (layer.sigma > 0)
        axes.loglog(
            layer.sigma[used], layer.h[used], "-", color=COLOURS.get(layer.engine, GREY), alpha=0.5, linewidth=0.8
        )
    for engine in sorted({layer.engine for layer in layers}):
        axes.plot([], [], "o-", color=COLOURS.get(engine, GREY), markersize=4, linewidth=0.8, label=engine)
    axes.legend(frameon=False, fontsize=8, title="engine", title_fontsize=8, loc="upper left")
    axes.set_xlabel("singular value of the gradient")
    axes.set_ylabel("curvature h")
    axes.set_title("curvature along singular directions", loc="left", fontsize=10)
