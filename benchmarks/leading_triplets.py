"""Seconds for the leading singular triplets of a large gradient: Lanczos against the whole Gram matrix, in turns."""

import argparse
import statistics
import time
from collections.abc import Callable
from unittest import mock

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.options import count
from layercurv.curvature.directions import Directions, top_singular_directions

EPS = torch.finfo(torch.float32).eps


def matrices(n: int) -> dict[str, Callable[[], torch.Tensor]]:
    """Give matrices whose spectra make Lanczos fast and slow.

    Args:
        n: Rows and columns.

    Returns:
        Name to a function that makes the matrix, [n, n] float64.
    """
    k = torch.arange(1, n + 1, dtype=torch.float64)

    def of_rank(rank: int, exponent: float) -> torch.Tensor:
        U, V = (torch.randn(n, rank, dtype=torch.float64) / n**0.5 for _ in range(2))
        return (U * k[:rank] ** -exponent) @ V.T

    return {
        "gradient of 64 samples, sigma ~ 1/k": lambda: of_rank(64, 1.0),
        "sigma ~ 1/k": lambda: of_rank(n, 1.0),
        "sigma ~ 1/sqrt(k)": lambda: of_rank(n, 0.5),
        "noise alone, no gaps": lambda: torch.randn(n, n, dtype=torch.float64),
    }


def main() -> None:
    """Print the table."""
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    table = Table(box=None)
    for name, justify in (("matrix", "left"), ("whole, s", "right"), ("Lanczos, s", "right"), ("ratio", "right")):
        table.add_column(name, justify=justify)
    table.add_column("largest residual / sigma_1", justify="right")
    for name, make in matrices(options.size).items():
        G = make()
        whole, lanczos = [], []
        for _ in range(options.repeats):
            whole.append(_seconds(lambda G=G: _whole(G, options.top_k))[0])
            seconds, found = _seconds(lambda G=G: top_singular_directions(G, options.top_k, EPS))
            lanczos.append(seconds)
        medians = statistics.median(whole), statistics.median(lanczos)
        residual = (G.T @ found.left - found.right * found.singular_values).norm(dim=0).max() / found.singular_values[0]
        ratio = f"{medians[0] / medians[1]:.1f}"
        table.add_row(name, f"{medians[0]:.2f}", f"{medians[1]:.2f}", ratio, f"{float(residual):.0e}")
    console = Console(width=120)
    console.print(
        f"{options.size} x {options.size}, float64, {options.top_k} triplets, {torch.get_num_threads()} threads, "
        f"median of {options.repeats}"
    )
    console.print(table)


def _whole(G: torch.Tensor, top_k: int) -> Directions:
    with mock.patch("layercurv.curvature.directions.is_large", lambda *given: False):
        return top_singular_directions(G, top_k, EPS)


def _seconds(measured: Callable[[], Directions]) -> tuple[float, Directions]:
    started = time.perf_counter()
    found = measured()
    return time.perf_counter() - started, found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=count, default=4096, help="rows and columns (default: 4096)")
    parser.add_argument("--top-k", type=count, default=20, help="triplets (default: 20)")
    parser.add_argument("--repeats", type=count, default=1, help="of each (default: 1)")
    parser.add_argument("--threads", type=count, default=torch.get_num_threads(), help="default: all cores")
    return parser


if __name__ == "__main__":
    main()
