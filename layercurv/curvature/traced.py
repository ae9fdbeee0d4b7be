"""A network as the engines see it: its operations, the way from each layer to the output, and where samples lie."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from layercurv.curvature.fusion import fuse_elementwise
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.rules import RULES, moving_leaves, unsupported
from layercurv.curvature.tape import Operation, Tape, network_output, record
from layercurv.curvature.uses import Use, single_use
from layercurv.errors import InputError


@dataclass(frozen=True)
class Route:
    """What lies between a layer's weight and the network's output."""

    layer: WeightLayer
    use: Use | None  # None if the weight is applied more than once, or in an unusual form
    start: int  # value whose tangents are known at first: the output of the only use, else the weight
    values: set[int]  # everything that depends on `start`, itself included
    operations: list[int]  # positions of those that read any of them

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
        return None

    def why_not_differentiable(self, tape: Tape) -> str | None:
        """Say which operation on the way has no rule.

        Args:
            tape: The tape.

        Returns:
            The reason; None if all have one.
        """
        reasons = (unsupported(operation, moving, tape) for operation, moving in self._steps(tape))
        return next((reason for reason in reasons if reason is not None), None)

    def _steps(self, tape: Tape) -> Iterator[tuple[Operation, frozenset[int]]]:
        for position in self.operations:
            yield tape.operations[position], moving_leaves(tape.operations[position], self.values)


@dataclass(frozen=True)
class TracedBatch:
    """A network's operations on one micro-batch."""

    tape: Tape
    routes: dict[str, Route]
    sample_major: set[int]  # values whose entries are ordered by sample, and of each sample depend on it alone
    inputs: torch.Tensor

    @property
    def n_samples(self) -> int:
        """N."""
        return len(self.inputs)

    def why_not_apart(self, name: str) -> str | None:
        """Say why a layer's inputs and output gradients cannot be told apart by sample.

        Args:
            name: The layer.

        Returns:
            The reason; None if they can.
        """
        use = self.routes[name].use
        if use is None:
            return "its weight is applied more than once, or in another form than a linear layer or convolution"
        if not {use.input, use.output} <= self.sample_major:
            return "its inputs are not ordered by sample"
        return None


class TracedNetwork:
    """Records a network once for each shape of input."""

    def __init__(self, model: nn.Module, layers: list[WeightLayer]):
        """Prepare.

        Args:
            model: The network, in eval mode.
            layers: The layers to be measured.

        Raises:
            InputError: If a layer behaves differently in training and is in train mode, or autocast is on.
        """
        require_eval_mode(model)
        if torch.is_autocast_enabled(next(model.parameters()).device.type):
            raise InputError("autocast is on: curvature is measured in the precision of the weights; leave the context")
        self._model, self._layers = model, layers
        self._by_shape: dict[tuple, TracedBatch] = {}

    def at(self, inputs: torch.Tensor) -> TracedBatch:
        """Give the network's operations on a micro-batch.

        Args:
            inputs: Its inputs.

        Returns:
            The operations.

        Raises:
            InputError: If a layer does not take part in the forward pass, or a sample's output depends on others.
        """
        key = (inputs.shape, inputs.dtype, inputs.stride())
        if inputs.is_floating_point() and not torch.isfinite(inputs).all():
            raise InputError("a micro-batch's inputs hold NaN or infinity; check the data")
        if key not in self._by_shape:
            self._require_same_device(inputs)
            self._by_shape[key] = self._trace(inputs)
        known = self._by_shape[key]
        return TracedBatch(known.tape, known.routes, known.sample_major, inputs)

    def require_faithful(self, inputs: torch.Tensor, outputs: torch.Tensor) -> None:
        """Compare what the recorded operations gave with the network itself.

        Args:
            inputs: A micro-batch.
            outputs: What the operations gave.

        Raises:
            InputError: If they differ: then the network does not do the same for all inputs.
        """
        with torch.no_grad():
            expected = network_output(self._model, inputs)
        error = (outputs - expected).abs().max() / expected.abs().max()
        if not error <= 1000 * torch.finfo(outputs.dtype).eps:
            raise InputError(
                f"{type(self._model).__name__}: the recorded operations miss the network's output by {error:.1e}; its "
                "operations depend on the values of its inputs. Use engine='double_backward'"
            )

    def _trace(self, inputs: torch.Tensor) -> TracedBatch:
        tape = fuse_elementwise(record(self._model, inputs))
        routes = {}
        for layer in self._layers:
            if tape.index_of(layer.weight) is None:
                raise InputError(f"layer {layer.name}: expected to take part in the forward pass, it does not")
            routes[layer.name] = _route(tape, layer)
        return TracedBatch(tape, routes, self._sample_major(tape, inputs), inputs)

    def _sample_major(self, tape: Tape, inputs: torch.Tensor) -> set[int]:
        if len(inputs) == 1:
            return set(tape.shapes)
        pair = inputs[:2]
        small = fuse_elementwise(record(self._model, pair))
        if [o.name for o in small.operations] != [o.name for o in tape.operations]:
            small, pair = tape, inputs  # the form of the operations depends on the number of samples
        found = _sample_major_values(small, pair)
        if small.network_output not in found:
            raise InputError(
                f"{type(self._model).__name__}: expected each sample's output to depend on that sample alone and to "
                "stand at its place in the first axis; the output has shape "
                f"{tuple(tape.shapes[tape.network_output])} for {len(inputs)} samples"
            )
        return found

    def _require_same_device(self, inputs: torch.Tensor) -> None:
        for layer in self._layers:
            if layer.weight.device != inputs.device:
                raise InputError(
                    f"layer {layer.name}: expected weight and inputs on one device, "
                    f"got {layer.weight.device} and {inputs.device}"
                )


def require_eval_mode(model: nn.Module) -> None:
    """Raise if a layer behaves differently in training than in evaluation and is in train mode.

    Args:
        model: The network.

    Raises:
        InputError: Naming the first such layer.
    """
    for name, module in model.named_modules():
        if isinstance(module, _MODE_DEPENDENT) and module.training:
            raise InputError(f"layer {name}: expected {type(module).__name__} in eval mode; call model.eval() first")


_MODE_DEPENDENT = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


def _route(tape: Tape, layer: WeightLayer) -> Route:
    use = single_use(tape, layer)
    start = tape.index_of(layer.weight) if use is None else use.output
    values, operations = tape.descendants(start)
    return Route(layer, use, start, values, operations)


def _sample_major_values(tape: Tape, inputs: torch.Tensor) -> set[int]:
    # Sample 0 is replaced by a copy of sample 1; what belongs to the other samples must not change by a bit.
    changed = inputs.clone()
    changed[0] = inputs[1]
    n, found = len(inputs), {tape.network_input}
    before, after = {}, {}
    with torch.no_grad():
        runs = tape.execute(inputs, before, {tape.network_output}), tape.execute(changed, after, {tape.network_output})
        for operation, _ in zip(*runs, strict=True):
            found.update(i for i in operation.outputs if _belongs_to_samples(before[i], after[i], n))
    return found


def _belongs_to_samples(before: torch.Tensor, after: torch.Tensor, n: int) -> bool:
    if before.dim() == 0 or before.numel() % n:
        return False
    return _same_bits(before.reshape(n, -1)[1:], after.reshape(n, -1)[1:])


def _same_bits(x: torch.Tensor, y: torch.Tensor) -> bool:
    return bool(((x == y) | (x.isnan() & y.isnan())).all())
