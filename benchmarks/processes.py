"""What a second process gains: curvature of a ResNet-18 by one process and by several, and what they exchange.

`python -m benchmarks.processes --processes 2`; each process has one thread. Three ways take turns, and the best time of
each counts: one process alone; as many copies of it at once as there are processes, which share nothing but the
machine; and all of them together. Efficiency is the time of one over N times that of N; what the copies lose is the
machine's (memory, clock, other work), the rest is ours. The same in processor time leaves out waiting, and with it what
else runs on the machine: it says how much work there is more, not how evenly it is spread. The start of the processes
is left out.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from benchmarks.options import count
from layercurv.curvature import weight_layers
from layercurv.exchange import Exchange
from layercurv.measure import Engines
from layercurv.models import resnet18_cifar


def seconds(rank: int, size: int, folder: str, n_batches: int, repeats: int) -> None:
    """Measure in all three ways, as one of several processes, and save how long each took.

    Args:
        rank: Which process.
        size: Of how many.
        folder: Where they meet and save.
        n_batches: Micro-batches of 16 images.
        repeats: How often.
    """
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    torch.manual_seed(0)
    model = resnet18_cifar(width=16, n_classes=10).eval()
    batches = [(torch.randn(16, 3, 32, 32), torch.randint(10, (16,))) for _ in range(n_batches)]
    times: dict[str, list[tuple[float, float, float]]] = {"one": [], "copies": [], "together": []}
    for _ in range(1 + repeats):
        for way, found in times.items():
            exchange = Exchange() if way == "together" else Exchange.of_one()
            said = _clocked(exchange)
            engines = Engines(model, nn.CrossEntropyLoss(), batches, exchange)
            dist.barrier()
            said.clear()
            started, started_processor = time.perf_counter(), time.process_time()
            if way != "one" or rank == 0:
                engines.directional_curvature(engines.gradient_directions(weight_layers(model), top_k=20))
            found.append((time.perf_counter() - started, sum(said), time.process_time() - started_processor))
    torch.save({way: found[1:] for way, found in times.items()}, f"{folder}/{rank}.pt")  # the first one warms up
    dist.destroy_process_group()


def _clocked(exchange: Exchange) -> list[float]:
    said: list[float] = []

    def timed(call: Callable) -> Callable:
        def clocked(*given: object) -> object:
            started = time.perf_counter()
            found = call(*given)
            said.append(time.perf_counter() - started)
            return found

        return clocked

    exchange.gathered, exchange.sums = timed(exchange.gathered), timed(exchange.sums)
    return said


def main() -> None:
    """Print times, efficiency, what the machine itself loses, and the share of communication, waiting included."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=count, default=2)
    parser.add_argument("--batches", type=count, default=16, help="micro-batches of 16 images")
    parser.add_argument("--repeats", type=count, default=5, help="of each way; the best counts")
    options = parser.parse_args()
    N = options.processes
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(seconds, (N, folder, options.batches, options.repeats), nprocs=N)
        found = [torch.load(Path(folder) / f"{rank}.pt") for rank in range(N)]
    # Of each round the slowest process counts, of the rounds the best.
    best = {way: min(max(rounds) for rounds in zip(*(part[way] for part in found), strict=True)) for way in found[0]}
    (one, *_), (copies, *_), (together, said, _) = best["one"], best["copies"], best["together"]
    work = {
        way: min(sum(p for *_, p in rounds) for rounds in zip(*(f[way] for f in found), strict=True)) for way in best
    }
    print(f"{one:7.2f} s  one process")
    print(f"{copies:7.2f} s  {N} copies of it at once: the machine allows an efficiency of {one / copies:.2f}")
    print(f"{together:7.2f} s  {N} processes together, {said / together:.1%} of it exchange and waiting")
    print(f"{one / together / N:7.2f}    parallel efficiency, {copies / together / N:.2f} of what the machine allows")
    print(f"{work['one'] / work['together']:7.2f}    of the processor time of all together is that of one alone")


if __name__ == "__main__":
    main()
