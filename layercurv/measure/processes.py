"""One measurement over several processes, as `torchrun` starts them: each takes a share of the micro-batches."""

from collections.abc import Iterable
from typing import Any

import torch.distributed as dist
from torch import nn

from layercurv.errors import InputError
from layercurv.exchange import Exchange
from layercurv.measure.engines import Engines


class Processes(Engines):
    """The processes of a group, measuring one network together. All of them call the same methods in the same order.

    Example:
        >>> import torch
        >>> from layercurv.curvature import SquaredError, weight_layers
        >>> store = dist.HashStore()
        >>> dist.init_process_group("gloo", store=store, rank=0, world_size=1)
        >>> model = nn.Linear(2, 1, bias=False)
        >>> together = Processes(model, SquaredError(), [(torch.eye(2), torch.ones(2, 1))])
        >>> directions = together.gradient_directions(weight_layers(model), top_k=1)
        >>> round(together.directional_curvature(directions)[""].curvatures.item(), 6)
        0.5
        >>> dist.destroy_process_group()
    """

    def __init__(self, model: nn.Module, loss: Any, batches: Iterable[Any], group: dist.ProcessGroup | None = None):
        """Take the measurement's network and samples, and make sure that all processes have the same.

        Args:
            model: The network, in eval mode, with equal weights in every process.
            loss: As for `directional_curvature`.
            batches: All micro-batches, the same list in every process, not a share of it.
            group: The processes; None takes all. On GPUs `init_process_group("cpu:gloo,cuda:nccl")`, so that it carries
                tensors of either kind.

        Raises:
            InputError: If there is no process group, this process is not in it, there are fewer micro-batches than
                processes, or weights, micro-batches or loss differ.
        """
        if not dist.is_initialized():
            raise InputError(
                "processes: expected torch.distributed.init_process_group() to have been called, it was not"
            )
        super().__init__(model, loss, batches, Exchange(group))
