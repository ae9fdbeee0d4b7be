"""The processes that `torchrun` starts for one run: how they meet, who speaks, and what a record says of them."""

import datetime
import functools
import hashlib
import os
import sys

import torch
import torch.distributed as dist

from layercurv.cpu import cpu_name
from layercurv.errors import InputError
from layercurv.exchange import Exchange

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
PATIENCE = datetime.timedelta(days=7)  # the others wait while the first one trains; who died is noticed at once
_SAME_ERROR_S = 10.0


def n_processes() -> int:
    """Say how many processes run this together.

    Returns:
        Their number, 1 without `torchrun`.
    """
    return int(os.environ.get("WORLD_SIZE", "1")) if dist.is_torchelastic_launched() else 1


def is_first() -> bool:
    """Say whether this process writes and prints.

    Returns:
        True without `torchrun`.
    """
    return n_processes() == 1 or os.environ["RANK"] == "0"


def be_one_of_several() -> None:
    """Let only the first process print."""
    if not is_first():
        sys.stdout = open(os.devnull, "w")  # ruff: ignore[open-file-with-context-handler, builtin-open] - as long as the process


@functools.cache
def world(device: torch.device) -> Exchange:
    """Meet the other processes.

    Args:
        device: Of the measurement.

    Returns:
        All processes; this one alone without `torchrun`.

    Raises:
        InputError: If there is no GPU for this process.
    """
    if n_processes() == 1:
        return Exchange.of_one()
    if device.type == "cuda":
        local, n_gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= n_gpus:
            raise InputError(f"device=cuda: expected a GPU for each process, this machine has {n_gpus}")
        torch.cuda.set_device(local)
    dist.init_process_group(BACKENDS[device.type], timeout=PATIENCE)
    return Exchange()


def leave_others() -> None:
    """Leave the group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        world.cache_clear()
        dist.destroy_process_group()


def tell(message: str) -> None:
    """Print to stderr: what all processes say, once; what one of the others says alone, with its number.

    Args:
        message: Of this process.
    """
    key = hashlib.sha256(message.encode()).hexdigest()
    if not is_first():
        try:
            _store().wait([key], datetime.timedelta(seconds=_SAME_ERROR_S))
            return
        except RuntimeError:
            message = f"process {os.environ['RANK']}: {message}"
    print(message, file=sys.stderr, flush=True)
    if n_processes() > 1 and is_first():
        _store().set(key, "told")


def _store() -> dist.Store:
    return dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)


def layout(exchange: Exchange, device: torch.device) -> dict:
    """Say for the record which processes made it.

    Args:
        exchange: The processes.
        device: Of the measurement.

    Returns:
        `{"world_size", "backend", "ranks"}`, with the node, place, processor and threads of each rank.
    """
    mine = {
        "node": int(os.environ["GROUP_RANK"]),
        "local_rank": int(os.environ["LOCAL_RANK"]),
        "cpu": cpu_name(),
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "n_threads": torch.get_num_threads(),
    }
    return {"world_size": exchange.size, "backend": BACKENDS[device.type], "ranks": exchange.gathered(mine)}
