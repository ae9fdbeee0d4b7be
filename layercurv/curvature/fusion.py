"""Chains of elementwise operations made into one.

An activation written in Python, such as the tanh form of GELU in transformers, is eight operations on the tape. Seen as
one function of its input it has one first and one second derivative, and tangents pass through it in one step.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

import torch

from layercurv.curvature.recompute import recomputed
from layercurv.curvature.tape import Operation, Tape, Value

# Elementwise, with a second derivative that is not zero everywhere.
SMOOTH = frozenset(
    ("cos", "elu", "erf", "exp", "gelu", "hardswish", "log", "mish", "pow", "reciprocal")
    + ("rsqrt", "sigmoid", "silu", "sin", "softplus", "sqrt", "tanh")
)
_ARITHMETIC = frozenset(["add", "div", "mul", "neg", "rsub", "sub"])


@dataclass(frozen=True)
class Chain:
    """Elementwise operations that all start from one value, as one function of it."""

    operations: tuple[Operation, ...]
    root: int
    end: int
    is_recomputed: bool = True  # in backward passes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Evaluate; backward passes that work it out again keep the root only.

        Args:
            x: The root's tensor.

        Returns:
            The end's tensor.
        """
        return recomputed(self._evaluate, x) if self.is_recomputed else self._evaluate(x)

    def _evaluate(self, x: torch.Tensor) -> torch.Tensor:
        values = {self.root: x}
        for operation in self.operations:
            values[operation.outputs[0]] = operation.apply(values)
        return values[self.end]


def fuse_elementwise(tape: Tape) -> Tape:
    """Replace each smooth chain of elementwise operations by one operation named "chain".

    Args:
        tape: The tape.

    Returns:
        A tape that computes the same.
    """
    members = _by_root(tape)
    replaced: dict[int, Operation | None] = {}
    for root, positions in members.items():
        inside = {tape.operations[p].outputs[0] for p in positions}
        ends = [v for v in inside if v == tape.network_output or not set(tape.readers(v)) <= set(positions)]
        operations = tuple(tape.operations[p] for p in positions)
        if len(operations) > 1 and len(ends) == 1 and any(_bends(o) for o in operations):
            replaced |= dict.fromkeys(positions)
            last = next(p for p in positions if tape.operations[p].outputs[0] == ends[0])
            replaced[last] = Operation(
                "chain", Chain(operations, root, ends[0], tape.is_precise), (Value(root),), {}, (ends[0],)
            )
    kept = (replaced.get(p, operation) for p, operation in enumerate(tape.operations))
    return replace(tape, operations=[operation for operation in kept if operation is not None])


def _by_root(tape: Tape) -> dict[int, list[int]]:
    # Positions of the operations whose tensor arguments are all elementwise functions of one and the same value.
    root_of: dict[int, int] = {}
    members = defaultdict(list)
    for position, operation in enumerate(tape.operations):
        roots = {root_of.get(index, index) for index in operation.inputs}
        if operation.name not in SMOOTH | _ARITHMETIC or len(roots) != 1:
            continue
        (root,) = roots
        if root not in tape.constants and tape.shapes[operation.outputs[0]] == tape.shapes[root]:
            root_of[operation.outputs[0]] = root
            members[root].append(position)
    return members


def _bends(operation: Operation) -> bool:
    return operation.name in SMOOTH or (operation.name in ("mul", "div") and len(operation.inputs) > 1)
