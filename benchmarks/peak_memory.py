"""Peak memory of one piece of work, measured in a process of its own (Linux)."""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.networks import NETWORKS, Network
from benchmarks.options import count
from layercurv.curvature import CrossEntropy, Directions, directional_curvature, weight_layers
from layercurv.curvature.objective import network_output

WORKS = ("training_step", "alpha_map")


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
    done = subprocess.run(command, check=True, capture_output=True, text=True)
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
    before = _resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the high-water mark
    {"training_step": _training_step, "alpha_map": _alpha_map}[work](model, batch)
    return _resident_bytes("VmHWM") - before


def main() -> None:
    """Print the peak in bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=[network.name for network in NETWORKS])
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("n_threads", type=count)
    options = parser.parse_args()
    torch.set_num_threads(options.n_threads)
    print(_measure(next(network for network in NETWORKS if network.name == options.network), options.work))


if __name__ == "__main__":
    main()
