"""What a second process gains: curvature of a ResNet-18 by one process and by several, and what they exchange.

`python -m benchmarks.processes --processes 2`; each process has one thread. Efficiency is the time of one process over
N times that of N; the start of the processes is left out.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from layercurv.curvature import weight_layers
from layercurv.measure import Processes
from layercurv.models import resnet18_cifar


def seconds(rank: int, size: int, folder: str, n_batches: int) -> None:
    """Measure once, as one of several processes, and save how long it took and how long it waited for the others.

    Args:
        rank: Which process.
        size: Of how many.
        folder: Where they meet and save.
        n_batches: Micro-batches of 16 images.
    """
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/{size}", rank=rank, world_size=size)
    torch.manual_seed(0)
    model = resnet18_cifar(width=16, n_classes=10).eval()
    batches = [(torch.randn(16, 3, 32, 32), torch.randint(10, (16,))) for _ in range(n_batches)]
    together = Processes(model, nn.CrossEntropyLoss(), batches)
    said = 0.0

    def timed(exchange):
        def call(*given):
            nonlocal said
            started = time.perf_counter()
            found = exchange(*given)
            said += time.perf_counter() - started
            return found

        return call

    together._gathered, together._weighted_sum = timed(together._gathered), timed(together._weighted_sum)
    dist.barrier()
    started = time.perf_counter()
    together.directional_curvature(together.gradient_directions(weight_layers(model), top_k=20))
    torch.save((time.perf_counter() - started, said), f"{folder}/{size}-{rank}.pt")
    dist.destroy_process_group()


def main() -> None:
    """Print times, efficiency and the share of communication, waiting included."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--batches", type=int, default=16, help="micro-batches of 16 images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = {}
        for size in (1, options.processes):
            mp.spawn(seconds, (size, folder, options.batches), nprocs=size)
            times[size] = [torch.load(Path(folder) / f"{size}-{rank}.pt") for rank in range(size)]
    (alone, _), *_ = times[1]
    together, said = max(times[options.processes])
    print(f"{alone:7.2f} s  one process")
    print(f"{together:7.2f} s  {options.processes} processes, {said / together:.1%} of it exchange and waiting")
    print(f"{alone / together / options.processes:7.2f}    parallel efficiency")


if __name__ == "__main__":
    main()
