"""A network's forward pass as a list of tensor operations, recorded from one run and run again with other values.

The list holds what is executed, below modules and functions: a GELU is `aten.gelu` wherever it was called from.
In-place operations are recorded as what they compute, so a value once named keeps its meaning.
"""

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from layercurv.errors import InputError

# Their derivative is zero wherever there is one, and for `detach` by definition.
_FLAT = frozenset(
    (
        "ceil",
        "detach",
        "empty_like",
        "floor",
        "full_like",
        "new_empty",
        "new_full",
        "new_ones",
        "new_zeros",
        "ones_like",
    )
    + ("round", "sign", "trunc", "zeros_like")
)


@dataclass(frozen=True)
class Value:
    """Stands for a tensor in a recorded operation's arguments."""

    index: int


@dataclass(frozen=True)
class Operation:
    """One executed operation, with `Value` in place of tensors."""

    name: str  # without overload, such as "addmm"
    op: Callable
    args: tuple
    kwargs: dict
    outputs: tuple[int, ...]  # indices of the values it makes, in order

    @cached_property
    def leaves(self) -> list:
        """Its arguments as a flat list, keyword arguments last."""
        return tree_leaves((self.args, self.kwargs))

    @cached_property
    def inputs(self) -> list[int]:
        """Indices of the values it reads."""
        return [leaf.index for leaf in self.leaves if isinstance(leaf, Value)]

    def apply(self, values: dict[int, torch.Tensor]):
        """Execute it.

        Args:
            values: Index to tensor, for all values it reads.

        Returns:
            What the operation returns.
        """
        args, kwargs = tree_map(lambda x: values[x.index] if isinstance(x, Value) else x, (self.args, self.kwargs))
        return self.op(*args, **kwargs)


@dataclass
class Tape:
    """The recorded operations of one network for inputs of one shape."""

    operations: list[Operation] = field(default_factory=list)
    constants: dict[int, torch.Tensor] = field(default_factory=dict)  # parameters, buffers and the like
    shapes: dict[int, torch.Size] = field(default_factory=dict)  # of every value
    floating: set[int] = field(default_factory=set)  # values of a floating-point type
    views: set[int] = field(default_factory=set)  # values without memory of their own
    network_input: int = 0
    network_output: int = -1

    def index_of(self, tensor: torch.Tensor) -> int | None:
        """Find a parameter or buffer among the constants.

        Args:
            tensor: The parameter.

        Returns:
            Its value's index, None if the forward pass does not use it.
        """
        return next((index for index, constant in self.constants.items() if constant is tensor), None)

    def readers(self, index: int) -> list[int]:
        """List the operations that read a value.

        Args:
            index: The value.

        Returns:
            Positions in `operations`.
        """
        return self._readers.get(index, [])

    @cached_property
    def _readers(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for position, operation in enumerate(self.operations):
            for index in dict.fromkeys(operation.inputs):
                found.setdefault(index, []).append(position)
        return found

    def descendants(self, index: int) -> tuple[set[int], list[int]]:
        """Follow a value to everything that changes with it, smoothly somewhere: masks and signs end the way.

        Args:
            index: The value.

        Returns:
            Indices of the values that depend on it, itself included; positions of the operations that read any of them.
        """
        values, positions = {index}, []
        for position, operation in enumerate(self.operations):
            moved = self.floating.intersection(operation.outputs)
            if operation.name not in _FLAT and moved and not values.isdisjoint(operation.inputs):
                values |= moved
                positions.append(position)
        return values, positions

    def replay(
        self, inputs: torch.Tensor, keep: Iterable[int] = (), differentiate_from: Iterable[int] = ()
    ) -> dict[int, torch.Tensor]:
        """Run the operations on other inputs of the same shape.

        Args:
            inputs: The network's input.
            keep: Values to return beside the network's output; all others are freed after their last use.
            differentiate_from: Values with regard to which gradients will be asked for; constants too.

        Returns:
            Index to tensor.
        """
        kept, values = {*keep, self.network_output}, {}
        for _ in self.execute(inputs, values, kept, differentiate_from):
            pass
        return {index: values[index] for index in kept}

    def execute(
        self,
        inputs: torch.Tensor,
        values: dict[int, torch.Tensor],
        kept: set[int],
        differentiate_from: Iterable[int] = (),
    ) -> Iterator[Operation]:
        """Run the operations one by one, as for `replay`.

        Args:
            inputs: The network's input.
            values: Where to put tensors, by index.
            kept: Values not to be removed after their last use.
            differentiate_from: As for `replay`.

        Yields:
            Each operation, when its outputs are among the values and nothing has been removed yet.
        """
        starts = set(differentiate_from)
        values |= {index: constant.detach() for index, constant in self.constants.items()}
        for index in starts & self.constants.keys():
            values[index] = values[index].requires_grad_()
        values[self.network_input] = inputs
        last_use = {index: position for position, o in enumerate(self.operations) for index in o.inputs}
        for position, operation in enumerate(self.operations):
            for index, tensor in zip(operation.outputs, _tensors(operation.apply(values)), strict=True):
                if index in starts and not tensor.requires_grad:
                    tensor = tensor.detach().requires_grad_()
                values[index] = tensor
            yield operation
            for index in {*operation.inputs, *operation.outputs}:
                if last_use.get(index, -1) <= position and index not in kept:
                    del values[index]


def record(model: nn.Module, inputs: torch.Tensor) -> Tape:
    """Record one forward pass.

    Attention runs in its plain form (matrix products and a softmax), which has second derivatives.

    Args:
        model: The network, in eval mode.
        inputs: Its input.

    Returns:
        The tape, for inputs of this shape.

    Raises:
        InputError: If the network draws random numbers, writes into a view, or returns neither a tensor nor `logits`.
    """
    recorder = _Recorder(inputs, itertools.chain(model.parameters(), model.buffers()))
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), recorder:
        output = network_output(model, inputs)
    tape = recorder.tape
    tape.network_output = recorder.index_of(output)
    read = {index for operation in tape.operations for index in operation.inputs}
    tape.constants = {i: t.clone() if t.is_inference() else t for i, t in tape.constants.items() if i in read}
    return tape


def network_output(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Run a network and take its output tensor, which transformers wrap in an object with `logits`.

    Args:
        model: The network.
        inputs: Its input.

    Returns:
        The output.

    Raises:
        InputError: If there is no such tensor.
    """
    output = model(inputs)
    output = getattr(output, "logits", output)
    if not isinstance(output, torch.Tensor):
        raise InputError(
            f"{type(model).__name__}: expected the network to return a tensor, or an object with `logits`, "
            f"got {type(output).__name__}"
        )
    return output


class _Recorder(TorchDispatchMode):
    """Writes down each operation. Runs in inference mode, where a tensor keeps its identity between operations."""

    def __init__(self, inputs: torch.Tensor, constants: Iterable[torch.Tensor]):
        super().__init__()
        self.tape = Tape()
        # Id of a tensor to the tensor and its value; None as value after a write into memory it shares. Weak, so that
        # activations are freed as ever; an id that is used again then meets another tensor.
        self._known: dict[int, tuple[weakref.ref, int | None]] = {}
        self.tape.network_input = self._new(inputs)
        for constant in constants:
            self.tape.constants[self._new(constant)] = constant

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with self:  # operations made of others are recorded as those
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise InputError(f"the network draws random numbers ({func}); call model.eval() or remove the randomness")
        recorded_args, recorded_kwargs = tree_map(self._recorded, (args, kwargs))
        op = _functional(func) if func._schema.is_mutable else func
        if op is torch.ops.aten.as_strided.default and _moves_nothing(*args[:3]):
            op, recorded_args = torch.ops.aten.alias.default, recorded_args[:1]
        output = func(*args, **kwargs)
        if func._schema.is_mutable:
            self._forget_aliases(output)
        outputs = tuple(self._new(tensor) for tensor in _tensors(output))
        read = {tensor.untyped_storage()._cdata for tensor in _tensors((args, kwargs))}
        shared = (i for i, t in zip(outputs, _tensors(output), strict=True) if t.untyped_storage()._cdata in read)
        self.tape.views.update(shared)
        name = op._schema.name.removeprefix("aten::")
        self.tape.operations.append(Operation(name, op, recorded_args, recorded_kwargs, outputs))
        return output

    def index_of(self, tensor: torch.Tensor) -> int | None:
        known, index = self._known.get(id(tensor), (lambda: None, None))
        if known() is not tensor:
            index = self._new(tensor)
            self.tape.constants[index] = tensor
        return index

    def _new(self, tensor: torch.Tensor) -> int:
        index = len(self.tape.shapes)
        self.tape.shapes[index] = tensor.shape
        if tensor.is_floating_point():
            self.tape.floating.add(index)
        self._known[id(tensor)] = weakref.ref(tensor), index
        return index

    def _recorded(self, argument):
        if not isinstance(argument, torch.Tensor):
            return argument
        index = self.index_of(argument)
        if index is None:
            raise InputError("the network reads a tensor after writing in place into memory it shares; avoid the write")
        return Value(index)

    def _forget_aliases(self, written: torch.Tensor) -> None:
        storage = written.untyped_storage()._cdata
        for identity, (known, _) in self._known.items():
            tensor = known()
            if tensor is not None and tensor is not written and tensor.untyped_storage()._cdata == storage:
                self._known[identity] = known, None


def _functional(func: torch._ops.OpOverload) -> torch._ops.OpOverload:
    # aten.relu_.default -> aten.relu.default
    packet = getattr(torch.ops.aten, func._schema.name.removeprefix("aten::").removesuffix("_"), None)
    if packet is None or not hasattr(packet, func._overloadname):
        raise InputError(f"the network uses {func}, which has no form that does not write in place")
    return getattr(packet, func._overloadname)


def _moves_nothing(tensor: torch.Tensor, size: Sequence[int], stride: Sequence[int]) -> bool:
    # Adaptive pooling to one pixel ends in such a change of strides, along axes of length one.
    same = (new == old for n, new, old in zip(size, stride, tensor.stride(), strict=False) if n > 1)
    return list(size) == list(tensor.shape) and all(same)


def _tensors(output) -> Sequence[torch.Tensor]:
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, torch.Tensor)]
