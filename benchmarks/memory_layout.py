"""What channels_last gains over contiguous layout: ratios of seconds, paired and alternating in one run.

Each pair does the same work on equal weights and images in both layouts, one right after the other, in turns first. The
ratio of a pair is contiguous over channels_last: above 1 means that channels_last is faster. Medians are printed, and
the middle half of the pairs. The networks are those of `scale=small`.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.options import count
from layercurv.curvature import CrossEntropy, directional_curvature, gradient_directions, weight_layers
from layercurv.kernels import LAYOUTS
from layercurv.models import convnext, mobilenet_v2, resnet18_cifar, vgg

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ResNet-18, width 16": lambda: resnet18_cifar(16, 10),
    "VGG-11, width 16": lambda: vgg(11, 16, 10, batch_norm=True),
    "MobileNetV2 x 0.25": lambda: mobilenet_v2(0.25, 10, small_images=True),
    "ConvNeXt, 16 to 128": lambda: convnext([16, 32, 64, 128], [1, 1, 3, 1], 10, 2),
}
Work = Callable[[], None]


def training_steps(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, n_steps: int = 8) -> Work:
    """Prepare steps of SGD with momentum.

    Args:
        model: The network.
        images: The batch.
        labels: Its labels.
        n_steps: How many.

    Returns:
        What does them.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def work() -> None:
        for _ in range(n_steps):
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()

    return work


def curvature_sweep(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Work:
    """Prepare one micro-batch of directional curvature, 20 directions of every layer.

    Args:
        model: The network.
        images: The micro-batch.
        labels: Its labels.

    Returns:
        What measures it.
    """
    model.eval()
    directions = gradient_directions(model, CrossEntropy(), [(images, labels)], weight_layers(model), 20)
    return lambda: directional_curvature(model, CrossEntropy(), [(images, labels)], directions)


WORKS = {"8 training steps, B = 128": (training_steps, 128), "curvature, B = 64": (curvature_sweep, 64)}


def paired_ratios(build: Callable[[], nn.Module], prepare: Callable, n_samples: int, n_pairs: int) -> dict:
    """Time both layouts, one right after the other.

    Args:
        build: Makes the network.
        prepare: Gets network, images and labels; returns the work.
        n_samples: Images in the batch.
        n_pairs: Pairs after an untimed first one.

    Returns:
        `{"ratios", "contiguous", "channels_last"}`: seconds of contiguous over seconds of channels_last, one per pair,
        and the median seconds of each layout.
    """
    works = {}
    for name, layout in LAYOUTS.items():
        torch.manual_seed(0)
        model = build().to(memory_format=layout)
        images, labels = torch.randn(n_samples, 3, 32, 32), torch.randint(10, (n_samples,))
        works[name] = prepare(model, images.to(memory_format=layout), labels)
        works[name]()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for pair in range(n_pairs):
        for name in sorted(works, reverse=pair % 2 == 1):
            started = time.perf_counter()
            works[name]()
            seconds[name].append(time.perf_counter() - started)
    ratios = [a / b for a, b in zip(seconds["contiguous"], seconds["channels_last"], strict=True)]
    return {"ratios": ratios} | {name: statistics.median(found) for name, found in seconds.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--threads", type=count, nargs="+", default=[1, torch.get_num_threads()], help="default: 1, all"
    )
    parser.add_argument("--pairs", type=count, default=15, help="timed pairs (default: 15)")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), help="default: all")
    options = parser.parse_args()
    title = f"contiguous over channels_last, {torch.backends.cpu.get_cpu_capability()}, 32 x 32 images"
    table = Table("network", "work", "threads", "contiguous s", "channels_last s", "ratio", "middle half", box=None)
    for threads in dict.fromkeys(options.threads):
        torch.set_num_threads(threads)
        for network in options.networks:
            for work, (prepare, n_samples) in WORKS.items():
                found = paired_ratios(NETWORKS[network], prepare, n_samples, options.pairs)
                low, middle, high = statistics.quantiles(found["ratios"], n=4)
                cells = f"{found['contiguous']:.3f}", f"{found['channels_last']:.3f}", f"{middle:.2f}"
                table.add_row(network, work, str(threads), *cells, f"{low:.2f} to {high:.2f}")
    console = Console(width=120)
    console.print(title)
    console.print(table)


if __name__ == "__main__":
    main()
