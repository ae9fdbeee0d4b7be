"""A network's forward pass as a list of tensor operations, recorded from one run and run again with other values.

The list holds what is executed, below modules and functions: a GELU is `aten.gelu` wherever it was called from.
In-place operations are recorded as what they compute, so a value once named keeps its meaning.

A tape holds for the inputs it was recorded from: what a network decides by looking at its values (branches, masks, loop
counts, numbers taken out of tensors) is on it as it was decided. And it holds what autograd was told, which may be less
than what was computed: where gradients were off, or a value was detached, the tape has a `detach`. Where autograd was
told something else altogether, by a custom `autograd.Function` or a hook on gradients, the weights concerned are listed
in `beyond`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch.utils._pytree import tree_leaves, tree_map

from layercurv.curvature.batches import Batch, of_inputs

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
    floating: set[int] = field(default_factory=set)  # values of a floating-point or complex type
    complex: set[int] = field(default_factory=set)  # values of a complex type
    views: set[int] = field(default_factory=set)  # values without memory of their own
    network_inputs: list[int] = field(default_factory=list)  # one for each tensor among the arguments
    network_output: int = -1
    eps: float = 0.0  # of the lowest precision that any value has
    output: torch.Tensor | None = None  # what the network returned when it was recorded
    opaque: dict[int, str] = field(default_factory=dict)  # values autograd knows more of than the tape, and why
    beyond: dict[int, str] = field(default_factory=dict)  # weights whose gradients are not those of the tape, and why

    @property
    def is_precise(self) -> bool:
        """Whether no value is less precise than the weights: if one is, sums in another order are other numbers."""
        weights = (constant.dtype for constant in self.constants.values() if constant.requires_grad)
        return self.eps <= max((torch.finfo(dtype).eps for dtype in weights), default=0.0)

    def why_not_own(self, output: torch.Tensor) -> str | None:
        """Compare an output with the one the network returned when it was recorded, on all samples.

        A network may write where no operation is recorded: into memory that a numpy array shares.

        Args:
            output: What the recorded operations give.

        Returns:
            Why it is another; None if it is the same.
        """
        tolerance = min(max(1e-7, 1e4 * self.eps), 0.1) * self.output.abs().max()
        if ((output - self.output).abs() <= tolerance).all():
            return None
        return "the recorded operations do not give the network's own output"

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

    def reaches(self, index: int) -> set[int]:
        """Follow a value to everything that was computed from it, what is detached or rounded too.

        Args:
            index: The value.

        Returns:
            Indices of the values.
        """
        values = {index}
        for operation in self.operations:
            if not values.isdisjoint(operation.inputs):
                values |= self.floating.intersection(operation.outputs)
        return values

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
        self, inputs: torch.Tensor | Batch, keep: Iterable[int] = (), differentiate_from: Iterable[int] = ()
    ) -> dict[int, torch.Tensor]:
        """Run the operations.

        Args:
            inputs: The network's input: the one it was recorded from, or one the network treats alike.
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
        inputs: torch.Tensor | Batch,
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
        given = (tensor.detach() for tensor in of_inputs(inputs).tensors)
        values |= dict(zip(self.network_inputs, given, strict=True))
        last_use = {index: position for position, o in enumerate(self.operations) for index in o.inputs}
        for position, operation in enumerate(self.operations):
            for index, tensor in zip(operation.outputs, tensors_of(operation.apply(values)), strict=True):
                if index in starts and not tensor.requires_grad:
                    tensor = tensor.detach().requires_grad_()
                values[index] = tensor
            yield operation
            for index in {*operation.inputs, *operation.outputs}:
                if last_use.get(index, -1) <= position and index not in kept:
                    del values[index]


def tensors_of(output) -> Sequence[torch.Tensor]:
    """List the tensors in what an operation takes or returns.

    Args:
        output: Nested lists, tuples and dictionaries.

    Returns:
        The tensors, in order.
    """
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, torch.Tensor)]
