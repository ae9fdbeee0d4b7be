"""One measurement over several processes, as `torchrun` starts them: each takes a share of the micro-batches.

Every process holds the network and the list of micro-batches. Sums and means are put together in float64, in the order
of the processes: the same number of processes gives the same bits, everywhere; another number the same to rounding.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from layercurv.curvature import (
    Directions,
    LayerCurvature,
    WeightLayer,
    directional_curvature,
    mean_gradients,
    sweep,
    top_singular_directions,
)
from layercurv.curvature.batches import as_batch
from layercurv.curvature.losses import as_loss
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective
from layercurv.curvature.precision import measured_dtype
from layercurv.errors import InputError
from layercurv.training.checkpoint import weights_checksum


class Processes:
    """The processes of a group, measuring one network together. All of them call the same methods in the same order.

    Example:
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

    def __init__(self, model: nn.Module, loss: Any, batches: Sequence[Any], group: dist.ProcessGroup | None = None):
        """Take the measurement's network and samples, and make sure that all processes have the same.

        Args:
            model: The network, in eval mode, with equal weights in every process.
            loss: As for `directional_curvature`.
            batches: All micro-batches, the same list in every process.
            group: The processes; None takes all. Its backend must carry CPU tensors (gloo).

        Raises:
            InputError: If there is no process group, there are fewer micro-batches than processes, or weights or number
                of micro-batches differ.
        """
        if not dist.is_initialized():
            raise InputError(
                "processes: expected torch.distributed.init_process_group() to have been called, it was not"
            )
        self.model, self.loss, self.group = model, as_loss(loss), group
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)
        held = self._gathered((weights_checksum(model), len(batches)))
        if len(set(held)) > 1:
            odd = next(rank for rank, mine in enumerate(held) if mine != held[0])
            raise InputError(
                f"processes: expected equal weights and micro-batches, process {odd} has others than process 0"
            )
        if len(batches) < self.size:
            raise InputError(f"processes: expected a micro-batch for each of {self.size} processes, got {len(batches)}")
        self.first = self.rank * len(batches) // self.size
        self.last = (self.rank + 1) * len(batches) // self.size
        self._up_to_mine = list(batches[: self.last])
        self.share = self._up_to_mine[self.first :]

    def mean_gradients(self, layers: list[WeightLayer]) -> dict[str, torch.Tensor]:
        """Compute dL/dW of the loss over all samples.

        Args:
            layers: The layers.

        Returns:
            Layer name to gradient in its matrix view, [m, n] float64, the same in every process.

        Raises:
            InputError: As `layercurv.curvature.mean_gradients`, in every process if in any.
        """
        found = self._together(lambda: mean_gradients(self.model, self.loss, self.share, layers))
        weights = self._shares_of_samples(layers)
        return {layer.name: self._weighted_sum(found[layer.name], weights) for layer in layers}

    def gradient_directions(self, layers: list[WeightLayer], top_k: int) -> dict[str, Directions]:
        """Find the leading singular directions of the gradient over all samples.

        Args:
            layers: The layers.
            top_k: How many per layer.

        Returns:
            Layer name to directions, those of the first process.

        Raises:
            InputError: As `layercurv.curvature.gradient_directions`.
        """
        gradients = self.mean_gradients(layers)
        eps = {layer.name: torch.finfo(measured_dtype(layer.weight)).eps for layer in layers}
        found = self._together(
            lambda: {name: vars(top_singular_directions(G, top_k, eps[name])) for name, G in gradients.items()}
        )
        return {name: Directions(**parts) for name, parts in self._gathered(found)[0].items()}

    def directional_curvature(self, directions: dict[str, Any], **options: Any) -> dict[str, LayerCurvature]:
        """Measure curvature along directions over all samples.

        Args:
            directions: As for `layercurv.curvature.directional_curvature`, the same in every process.
            **options: Its options.

        Returns:
            Layer name to curvature, the same in every process; per-sample values in the order of the samples. Where
            processes took different engines the names are joined by "+".

        Raises:
            InputError: In every process if in any.
        """
        found = self._together(lambda: directional_curvature(self.model, self.loss, self.share, directions, **options))
        parts = self._gathered({name: vars(curvature) for name, curvature in found.items()})
        return {name: _joined([part[name] for part in parts]) for name in found}

    def sweep(self, layers: list[WeightLayer], visitors: Sequence[Any], **options: Any) -> None:
        """Feed visitors (Kronecker factors, moments, `GGNCurvature`) from all samples.

        Args:
            layers: The layers they ask about.
            visitors: Fresh ones; afterwards they hold the sums of all processes, in every process.
            **options: `n_sampled` and `seed` of `layercurv.curvature.sweep`; random columns depend on the seed and the
                micro-batch, not on the number of processes.

        Raises:
            InputError: In every process if in any.
        """
        given = self.model, self.loss, self._up_to_mine, layers, visitors, self.first
        self._together(lambda: sweep(*given, **options))
        for visitor in visitors:
            first, *others = self._gathered(visitor.state_dict())
            for other in others:
                first = _added(first, other)
            visitor.load_state_dict(first)

    def _shares_of_samples(self, layers: list[WeightLayer]) -> list[float]:
        with measuring(self.model, layers) as cast_to:
            objective = Objective(self.model, self.loss, cast_to)
            mine = sum(objective.n_samples(objective.prepared(as_batch(batch))) for batch in self.share)
        counts = self._gathered(mine)
        return [count / sum(counts) for count in counts]

    def _weighted_sum(self, mine: torch.Tensor, weights: list[float]) -> torch.Tensor:
        parts = [torch.empty_like(mine) for _ in weights]
        dist.all_gather(parts, mine.contiguous(), self.group)
        return _sum([weight * part for weight, part in zip(weights, parts, strict=True)])

    def _gathered(self, mine: Any) -> list[Any]:
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, mine, self.group)
        return found

    def _together(self, work: Callable[[], Any]) -> Any:
        # An error in one process would leave the others waiting for it.
        try:
            found, error = work(), None
        except InputError as raised:
            found, error = None, str(raised)
        for rank, message in enumerate(self._gathered(error)):
            if message is not None:
                raise InputError(f"process {rank} of {self.size}: {message}")
        return found


def _joined(parts: list[dict[str, Any]]) -> LayerCurvature:
    n_samples = sum(part["n_samples"] for part in parts)

    def mean(field: str) -> torch.Tensor | None:
        values = [part[field] for part in parts]
        if any(value is None for value in values):
            return None
        return _sum([part["n_samples"] / n_samples * value for part, value in zip(parts, values, strict=True)])

    def listed(field: str) -> torch.Tensor | None:
        values = [part[field] for part in parts]
        return None if any(value is None for value in values) else torch.cat(values)

    curvatures = mean("curvatures")
    assert curvatures is not None
    engine = "+".join(dict.fromkeys(part["engine"] for part in parts))
    return LayerCurvature(curvatures, mean("ggn"), listed("per_sample"), listed("slopes"), n_samples, engine)


def _sum(values: Iterable[torch.Tensor]) -> torch.Tensor:
    first, *others = values
    for other in others:
        first = first + other
    return first


def _added(one: Any, other: Any, key: str = "") -> Any:
    # Sums and counts add up, lists per micro-batch follow one another, and a layer has as many positions everywhere.
    if isinstance(one, dict):
        return {name: _added(one[name], other[name], key if key == "n_positions" else name) for name in one}
    return one if key == "n_positions" else one + other
