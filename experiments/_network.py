"""Make the missing records of one network and seed, in order: the first run trains it, the others find it trained.

`python -m experiments._network network=resnet18_cifar10_seed0`; a sweep over networks is what `make queue
LAUNCHER=slurm` sends.
"""

import math
from pathlib import Path

from omegaconf import DictConfig

from experiments._main import be_main
from experiments._queue import run_queue, wanted_jobs
from layercurv.errors import InputError


def run_network(cfg: DictConfig) -> None:
    """Run what is missing, each run in a process of its own; stopped and called again, it goes on where it was.

    Args:
        cfg: Settings, see `configs/queue.yaml`.

    Raises:
        InputError: If the queue has no such network, or runs failed.
    """
    jobs = wanted_jobs(Path(cfg.file), cfg.wanted.scale, set(cfg.wanted.experiments))
    mine = [job for job in jobs if job.label == cfg.network]
    if not mine:
        known = ", ".join(sorted({job.label for job in jobs}))
        raise InputError(f"{cfg.file} has no network {cfg.network!r} at scale {cfg.wanted.scale}; there are: {known}")
    place = cfg.place
    failed = run_queue(mine, Path(place.results), Path(place.checkpoints), math.inf, 1, Path(place.log))
    if failed:
        raise InputError(f"{cfg.network}: {failed} of {len(mine)} runs failed; see {place.log}")


if __name__ == "__main__":
    be_main("queue", run_network)
