"""Milliseconds per optimiser step on ResNet-18, gradients given: Spectral Newton against torch's optimisers.

Only `step()` is timed. All optimisers hold the same weights and the same gradients, those of one batch at
initialisation; the rival that takes a full SVD of every gradient matrix is the formula as it stands.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from benchmarks.options import count
from benchmarks.record import write_benchmark
from layercurv.models import resnet18_cifar
from layercurv.optim import MuonWithAdamW, SpectralNewton, spectral_groups

LEARNING_RATE = 1e-4  # small, so that the weights stay where they are over all repeats
DAMPING = 0.1  # the source paper's
REFERENCE = "Muon (+ AdamW)"


class FullSVD(SpectralNewton):
    """Spectral Newton by torch.linalg.svd in the gradients' own type; no weight decay, no transposed layers."""

    def _step_spectral(self, parameters: list[nn.Parameter], group: dict) -> None:
        for parameter in parameters:
            G = self._with_momentum(parameter, group).flatten(1)
            left, sigma, right_t = torch.linalg.svd(G, full_matrices=False)
            step = left * (sigma / (sigma ** group["alpha"] + group["damping"])) @ right_t
            parameter.add_(step.view_as(parameter), alpha=-group["lr"])


def main() -> None:
    """Print the table, and write it if asked to."""
    options, started = _parser().parse_args(), time.perf_counter()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = resnet18_cifar(64, 10)
    inputs, labels = torch.randn(options.batch_size, 3, 32, 32), torch.randint(10, (options.batch_size,))
    nn.functional.cross_entropy(model(inputs), labels).backward()
    seconds = {name: measure_step(build(model), options.repeats) for name, build in OPTIMIZERS.items()}
    _print(seconds, options)
    if options.write:
        measured = {"network": "ResNet-18, 32 x 32 images", "reference": REFERENCE, "step_s": seconds}
        module, wall_s = "benchmarks.optimizer_steps", time.perf_counter() - started
        print(f"wrote {write_benchmark(options.write, 'bench_optimizers', module, measured, wall_s)}")


def measure_step(optimizer: Optimizer, repeats: int) -> list[float]:
    """Time steps after a first one, which allocates the optimiser's state.

    Args:
        optimizer: Its parameters hold gradients.
        repeats: Steps timed.

    Returns:
        Seconds of each step.
    """
    optimizer.step()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    return seconds


def _newton(alpha: float, optimizer: type[SpectralNewton] = SpectralNewton) -> Callable[[nn.Module], Optimizer]:
    return lambda model: optimizer(spectral_groups(model, alpha, damping=DAMPING, momentum=0.9), lr=LEARNING_RATE)


OPTIMIZERS: dict[str, Callable[[nn.Module], Optimizer]] = {
    "SGD with momentum": lambda model: SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9),
    "AdamW": lambda model: AdamW(model.parameters(), lr=LEARNING_RATE),
    REFERENCE: lambda model: MuonWithAdamW(model, {"lr": LEARNING_RATE}, {"lr": LEARNING_RATE}),
    "Spectral Newton, alpha = 2": _newton(2.0),
    "Spectral Newton, alpha = 1": _newton(1.0),
    "Spectral Newton, alpha = 1.5": _newton(1.5),
    "Spectral Newton by full SVD": _newton(2.0, FullSVD),
}


def _print(seconds: dict[str, list[float]], options: argparse.Namespace) -> None:
    table = Table(box=None)
    for name, justify in (("", "left"), ("ms per step", "right"), ("fastest", "right"), ("ratio to Muon", "right")):
        table.add_column(name, justify=justify)
    reference = statistics.median(seconds[REFERENCE])
    for name, found in seconds.items():
        median = statistics.median(found)
        table.add_row(name, f"{1e3 * median:.1f}", f"{1e3 * min(found):.1f}", f"{median / reference:.2g}")
    console = Console(width=120)
    console.print(
        f"ResNet-18, 32 x 32 images, 11.2 million parameters; float32, {torch.get_num_threads()} threads, "
        f"median of {options.repeats} steps"
    )
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=count, default=torch.get_num_threads(), help="default: all cores")
    parser.add_argument("--repeats", type=count, default=10, help="timed steps per optimiser (default: 10)")
    parser.add_argument("--batch-size", type=count, default=64, help="samples behind the gradient (default: 64)")
    parser.add_argument("--write", metavar="FILE", help="keep the run as a record")
    return parser


if __name__ == "__main__":
    main()
