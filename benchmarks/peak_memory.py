"""Peak memory of an alpha map beside a training step, each in a process of its own (Linux).

`python -m benchmarks.peak_memory` prints all networks, and GPT-2 at growing lengths. The work is done once on one
sample first, so that what libraries keep for good does not count; and glibc is told to give back what is freed, so that
what counts is what is in use.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.networks import LENGTHS, NETWORKS, Network
from benchmarks.options import count
from layercurv.curvature import CrossEntropy, Directions, directional_curvature, weight_layers
from layercurv.curvature.objective import network_output

WORKS = ("training_step", "alpha_map")
_ALL = {network.name: network for network in (*NETWORKS, *LENGTHS)}
_GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # bytes; blocks of this size are given back when they are freed


def peak_bytes(network: str, work: str, n_threads: int) -> int:
    """Run the work in a fresh process and return how much its resident memory rose.

    Args:
        network: Name of a network.
        work: "training_step" (forward, backward, SGD with momentum) or "alpha_map" (curvature of all layers, K = 20).
        n_threads: Threads it may use.

    Returns:
        Bytes above what the process held before the work.
    """
    command = [sys.executable, "-m", "benchmarks.peak_memory", network, work, str(n_threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | _GIVES_BACK)
    return int(done.stdout.split()[-1])


def _training_step(model, batch) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    loss = CrossEntropy().sum_loss(network_output(model, batch[0]), batch[1]) / len(batch[0])
    loss.backward()
    optimizer.step()


def _alpha_map(model, batch) -> None:
    directions = {}
    for layer in weight_layers(model):
        K = min(20, *layer.shape)
        left, right = (torch.linalg.qr(torch.randn(size, K))[0] for size in layer.shape)
        directions[layer.name] = Directions(torch.ones(K), left, right, torch.zeros(K, dtype=torch.bool))
    directional_curvature(model, CrossEntropy(), [batch], directions)


def _resident_bytes(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def _measure(network: Network, work: str) -> int:
    torch.manual_seed(0)
    model, batch = network.build().eval(), network.draw(network.n_samples)
    do = {"training_step": _training_step, "alpha_map": _alpha_map}[work]
    do(model, network.draw(1))
    before = _resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the high-water mark
    do(model, batch)
    return _resident_bytes("VmHWM") - before


def main() -> None:
    """Print the peaks of all, or that of one work on one network in bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", nargs="?", choices=_ALL, help="default: all")
    parser.add_argument("work", nargs="?", choices=WORKS, help="default: both")
    parser.add_argument("n_threads", nargs="?", type=count, default=torch.get_num_threads(), help="default: all cores")
    options = parser.parse_args()
    torch.set_num_threads(options.n_threads)
    if options.work is not None:
        print(_measure(_ALL[options.network], options.work))
        return
    for name in _ALL if options.network is None else [options.network]:
        step, mapped = (peak_bytes(name, work, options.n_threads) for work in WORKS)
        what = f"{_ALL[name].describe}, {_ALL[name].n_samples} samples"
        print(
            f"{what}: training step {step / 1e6:.0f} MB, alpha map {mapped / 1e6:.0f} MB, ratio {mapped / step:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
