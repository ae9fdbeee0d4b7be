"""A network as the engines see it: its operations on one micro-batch, and the way from each layer to the output."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

from layercurv.curvature.attention import fuse_attention
from layercurv.curvature.batches import Batch, of_inputs
from layercurv.curvature.fusion import fuse_elementwise
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective, RandomNumbers
from layercurv.curvature.recording import record
from layercurv.curvature.rules import RULES, moving_leaves, unsupported
from layercurv.curvature.tape import Operation, Tape
from layercurv.curvature.uses import Use, single_use
from layercurv.errors import InputError


@dataclass(frozen=True)
class Route:
    """What lies between a layer's weight and the network's output."""

    layer: WeightLayer
    use: Use | None  # None if the weight is applied more than once, or in an unusual form
    start: (
        int | None
    )  # value whose tangents are known at first: the output of the only use, else the weight; None if unused
    values: set[int]  # everything that depends on `start`, itself included
    operations: list[int]  # positions of those that read any of them
    why_not_followed: str | None  # why the tape does not hold all of the way; None if it does

    def why_not_affine(self, tape: Tape) -> str | None:
        """Say which operation bends the network's output in this weight, all else held.

        Args:
            tape: The tape.

        Returns:
            The reason; None if the output is piecewise affine in the weight.
        """
        for operation, moving in self._steps(tape):
            reason = unsupported(operation, moving, tape)
            if reason is None and not RULES[operation.name].is_affine(moving):
                reason = f"{operation.op} bends the network's output"
            if reason is not None:
                return reason
        return self.why_not_followed

    def why_not_differentiable(self, tape: Tape) -> str | None:
        """Say which operation on the way has no rule.

        Args:
            tape: The tape.

        Returns:
            The reason; None if all have one.
        """
        reasons = (unsupported(operation, moving, tape) for operation, moving in self._steps(tape))
        return next((reason for reason in reasons if reason is not None), self.why_not_followed)

    def _steps(self, tape: Tape) -> Iterator[tuple[Operation, frozenset[int]]]:
        for position in self.operations:
            yield tape.operations[position], moving_leaves(tape.operations[position], self.values)


@dataclass(frozen=True)
class TracedBatch:
    """A network's operations on one micro-batch."""

    tape: Tape
    routes: dict[str, Route]
    batch: Batch
    n_samples: int  # N
    drew_random_numbers: bool = False  # when it was recorded; whether they matter is to be seen

    def why_not_apart(self, name: str) -> str | None:
        """Say why a layer's inputs and output gradients cannot be told apart by sample.

        Whether the samples are independent is seen while they are measured (see `separation`).

        Args:
            name: The layer.

        Returns:
            The reason; None if they can, should the samples be independent.
        """
        route = self.routes[name]
        if route.start is None:
            return route.why_not_followed
        if route.use is None:
            return "its weight is applied more than once, or in another form than a linear layer or convolution"
        if self.tape.shapes[self.tape.network_output][0] != self.n_samples:
            return "the first axis of the network's output is not that of the samples"
        if self.tape.shapes[route.use.output][0] % self.n_samples:
            return "its inputs are not ordered by sample"
        return route.why_not_followed


class TracedNetwork:
    """Records a network on micro-batches, each anew: a tape holds for what it was recorded from."""

    def __init__(self, model: nn.Module, layers: list[WeightLayer], whole: frozenset[str] = frozenset()):
        """Prepare.

        Args:
            model: The network, in eval mode.
            layers: The layers to be measured.
            whole: Names of layers to be moved along whole tensors, not along u v^T where they are applied.
        """
        self.model, self.layers, self._whole = model, layers, whole

    def at(self, inputs: torch.Tensor | Batch) -> TracedBatch:
        """Give the network's operations on a micro-batch.

        Args:
            inputs: Its inputs, or all of it.

        Returns:
            The operations.

        Raises:
            InputError: If the network cannot be recorded.
        """
        with measuring(self.model, self.layers) as cast_to:
            return self.record(Objective(self.model, None, cast_to).prepared(of_inputs(inputs)))

    def record(self, batch: Batch) -> TracedBatch:
        """Do the same where the network is being measured already.

        Args:
            batch: A prepared micro-batch.

        Returns:
            The operations.
        """
        self._require_same_device(batch)
        random_numbers = RandomNumbers()
        traced = self._routed(fuse_elementwise(fuse_attention(record(self.model, batch))), batch)
        return replace(traced, drew_random_numbers=random_numbers.were_drawn())

    def part(self, traced: TracedBatch, index: list[int]) -> TracedBatch | None:
        """Record some of the samples of a micro-batch by themselves.

        Args:
            traced: The same network's operations on the micro-batch.
            index: Which samples.

        Returns:
            The operations on them; None if the network does something else with them than with all.
        """
        try:
            found = self.record(traced.batch.take(index))
        except (InputError, IndexError, TypeError, ValueError):  # bound to a number of samples
            return None
        is_same = [o.name for o in found.tape.operations] == [o.name for o in traced.tape.operations]
        return found if is_same else None

    def retrace(self, traced: TracedBatch) -> TracedBatch:
        """Look for this network's layers on a tape that is there already.

        Args:
            traced: The same network's operations, recorded for other layers.

        Returns:
            The operations, and the way from each of these layers.
        """
        return self._routed(traced.tape, traced.batch)

    def _routed(self, tape: Tape, batch: Batch) -> TracedBatch:
        routes = {layer.name: _route(tape, layer, layer.name in self._whole) for layer in self.layers}
        return TracedBatch(tape, routes, batch, batch.counted(len(tape.output)))

    def _require_same_device(self, batch: Batch) -> None:
        for layer in self.layers:
            for tensor in batch.tensors:
                if layer.weight.device != tensor.device:
                    raise InputError(
                        f"layer {layer.name}: expected weight and inputs on one device, "
                        f"got {layer.weight.device} and {tensor.device}"
                    )


def _route(tape: Tape, layer: WeightLayer, whole: bool) -> Route:
    weight = tape.index_of(layer.weight)
    if weight is None:
        return Route(layer, None, None, set(), [], "it takes no part in the forward pass on a micro-batch")
    use = None if whole else single_use(tape, layer)
    start = weight if use is None else use.output
    values, operations = tape.descendants(start)
    reasons = [tape.opaque[index] for index in tape.reaches(weight) & tape.opaque.keys()] if tape.opaque else []
    reason = tape.beyond.get(weight) or next(iter(reasons), None)
    if reason is None and tape.network_output not in values:
        reason = "the output does not depend on it, or by a way that gradients do not go"
    return Route(layer, use, start, values, operations, reason)
