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
_NUMBERS = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "GROUP_RANK", "MASTER_PORT")  # what torchrun tells a process


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
    """Let only the first process print.

    Raises:
        SystemExit: With code 2 if what `torchrun` tells its processes is not all there.
    """
    if dist.is_torchelastic_launched():
        odd = [name for name in _NUMBERS if not os.environ.get(name, "").isdigit()]
        if odd or not os.environ.get("MASTER_ADDR"):
            got = ", ".join(f"{name}={os.environ.get(name, '(unset)')}" for name in odd or ["MASTER_ADDR"])
            told = f"TORCHELASTIC_RUN_ID is set, so expected all that torchrun sets, got {got}"
            print(f"error: {told}; start it with torchrun, or unset TORCHELASTIC_RUN_ID", file=sys.stderr)
            raise SystemExit(2)
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
        InputError: If there is no GPU for this process, or the processes do not meet.
    """
    if n_processes() == 1:
        return Exchange.of_one()
    if device.type == "cuda":
        local, n_gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= n_gpus:
            raise InputError(f"device=cuda: expected a GPU for each process, this machine has {n_gpus}")
        torch.cuda.set_device(local)
    try:
        dist.init_process_group(BACKENDS[device.type], timeout=PATIENCE)
    except dist.DistNetworkError as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise InputError(f"the processes cannot meet at {where} ({str(error).splitlines()[0]})") from error
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
    # Before they meet, the store is there only if torchrun itself holds it; without one each tells for itself.
    is_heard = dist.is_initialized() or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if not is_first() and is_heard:
        try:
            _store().wait([key], datetime.timedelta(seconds=_SAME_ERROR_S))
            return
        except RuntimeError:
            message = f"process {os.environ['RANK']}: {message}"
    print(message, file=sys.stderr, flush=True)
    if n_processes() > 1 and is_first() and is_heard:
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
