"""Training by several processes: DistributedDataParallel, with gradients added in the order of the processes.

The batch of a step is drawn as for one process and cut into equal parts, one for each. So the gradient of a network
whose samples do not see each other is that of the whole batch, to rounding. BatchNorm normalises each part by the
part's own statistics; its running statistics are those of the first process, as DistributedDataParallel has it.

torch's own reduction adds the gradients of three and more processes in an order that depends on how they lie in its
buckets, which it lays out anew after the first step, so that a resumed run would differ in the last bits. The one here
(`Exchange.sums`) does not; it sends as many bytes, but does not overlap with the backward pass.
"""

import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from layercurv.errors import InputError
from layercurv.exchange import Exchange


def data_parallel(model: nn.Module, exchange: Exchange) -> DistributedDataParallel:
    """Wrap a model, so that its gradients are those of all processes' parts of a batch.

    Args:
        model: The model; the first process's weights are given to all.
        exchange: The processes.

    Returns:
        The wrapped model; parameters are those of the model itself.

    Raises:
        InputError: If the model has SyncBatchNorm.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.SyncBatchNorm):
            raise InputError(
                f"layer {name}: SyncBatchNorm is not supported: it adds up in an order of its own, and not on CPUs; "
                "use BatchNorm, which normalises each process's part of the batch by itself"
            )
    with warnings.catch_warnings():  # the name that replaces it is newer than the torch asked for
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated")
        network = DistributedDataParallel(model, process_group=exchange.group, broadcast_buffers=False)
    network.register_comm_hook(exchange, _mean_in_order)
    return network


def my_part(batch: tuple[torch.Tensor, torch.Tensor], exchange: Exchange) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut this process's part out of a batch.

    Args:
        batch: Inputs and labels of the whole batch, the same in every process.
        exchange: The processes.

    Returns:
        Its part of both: the first process has the first samples.

    Raises:
        InputError: If the parts would not be equal.
    """
    inputs, labels = batch
    size, rest = divmod(len(inputs), exchange.size)
    if rest or not size:
        raise InputError(
            f"training.batch_size: expected a multiple of the number of processes, {exchange.size}, got {len(inputs)}"
        )
    mine = slice(exchange.rank * size, (exchange.rank + 1) * size)
    return inputs[mine], labels[mine]


def _mean_in_order(exchange: Exchange, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
    gradients = bucket.buffer()
    [total] = exchange.sums([gradients])
    devices = [gradients.device] if gradients.device.type == "cuda" else None
    done: torch.futures.Future[torch.Tensor] = torch.futures.Future(devices=devices)
    done.set_result(total / exchange.size)
    return done
