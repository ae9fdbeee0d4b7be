"""An alpha map as text for a terminal."""

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from layercurv.measure.result import LayerAlpha

WIDTH = 120


def summary(layers: list["LayerAlpha"], n_samples: int, mean_loss: float, wall_s: float) -> str:
    """Write one line per layer.

    Args:
        layers: The layers.
        n_samples: B.
        mean_loss: On these samples.
        wall_s: Seconds of measuring.

    Returns:
        The text.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("layer", overflow="fold")
    for name in ("shape", "alpha", "95 %", "gamma", "sigma 1", "h 1"):
        table.add_column(name, justify="right")
    table.add_column("engine")
    table.add_column("check", justify="right")
    for layer in layers:
        interval = "-" if layer.interval is None else f"{layer.interval[0]:.2f} to {layer.interval[1]:.2f}"
        shape, leading = "{} x {}".format(*layer.shape), (f"{layer.sigma[0]:.2e}", f"{layer.h[0]:.2e}")
        numbers = _digits(layer.alpha), interval, _digits(layer.gamma), *leading
        check = "-" if layer.check is None else f"{layer.check:.0e}"
        table.add_row(layer.name or "(the network)", shape, *numbers, layer.engine, check)
    text = io.StringIO()
    console = Console(file=text, width=WIDTH)
    console.print(table)
    what = f"{len(layers)} layers, {n_samples} samples, mean loss {mean_loss:.4g}, {wall_s:.1f} s"
    console.print(f"{what}. check: largest relative difference from double backpropagation", highlight=False)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
