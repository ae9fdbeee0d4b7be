"""Attention as one operation, worked out block by block: what grows with the square of the length is never kept.

A tape has attention as a product of queries and keys, a scale, a mask, a softmax and a product with values. Between
them lie arrays of all pairs of tokens, and as many again for gradients and tangents. Seen as one operation it keeps
queries, keys and values; the pairs are worked out anew, some heads and rows at a time, as Dao et al. (2022,
arXiv:2205.14135) do for first derivatives. Each row of a softmax stands by itself, so blocks change nothing.

With scores S = c a b + masks, weights P = softmax(S), output P v, the loss's gradient w in it, and tangents t:

    t_S = c (t_a b + a t_b)      r = t_S - sum(P t_S)        t_P = P r
    w_P = w v^T                  w_S = P (w_P - sum(P w_P))
    bend = w_S . (r^2 + 2 c t_a t_b) + 2 w . (t_P t_v)       with sums along rows
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from typing_extensions import override

from layercurv.curvature.derivatives import Rule, sum_per_sample
from layercurv.curvature.recompute import recomputed
from layercurv.curvature.tape import Operation, Tape, Value

_SOFTMAX = ("_softmax", "_safe_softmax")
_PASSING = ("view", "_unsafe_view", "expand", "clone", "alias")
_PAIRS = 2**18  # of tokens, times directions, in one temporary array

Step = float | torch.Size  # a factor; or the leading axes of the scores where the next mask is added
Block = tuple[slice, slice]  # of the stack of matrices; of rows


@dataclass(frozen=True)
class Attention:
    """softmax(c a b + masks) v, for a stack of matrices."""

    steps: tuple[Step, ...]  # from a b to the scores
    softmax: Callable  # takes scores, axis, and these
    settings: tuple

    @property
    def scale(self) -> float:
        """The factor c between the product and the scores."""
        return math.prod(step for step in self.steps if isinstance(step, float))

    def __call__(self, a: Tensor, b: Tensor, v: Tensor, *masks: Tensor) -> Tensor:
        """Evaluate; a backward pass works each block out again.

        Args:
            a: Queries, [n, i, d].
            b: Keys, [n, d, j].
            v: Values, [n, j, e].
            masks: One for each step that adds one; each must broadcast to the scores.

        Returns:
            [n, i, e].
        """

        def output(block: Block, queries, keys, values) -> Tensor:
            return self.softmax(self.scores(queries, keys, masks, block), -1, *self.settings) @ values

        found, (n, rows) = [], _block_size(a, b, 1)
        stacks = zip(a.split(n), b.split(n), v.split(n), strict=True)  # a split's gradient is put together at once
        for (heads, _), (queries, keys, values) in zip(blocks(a, b, n, a.shape[1]), stacks, strict=True):
            parts = zip(blocks(queries, keys, len(queries), rows), queries.split(rows, 1), strict=True)
            places = ((partial(output, (heads, lines)), part) for (_, lines), part in parts)
            found.append(torch.cat([recomputed(at, part, keys, values) for at, part in places], 1))
        return torch.cat(found)

    def weights(self, queries: Tensor, keys: Tensor, masks: Sequence[Tensor], block: Block) -> Tensor:
        """Evaluate the softmax on a block.

        Args:
            queries: The block's, [n, i, d].
            keys: The block's, [n, d, j].
            masks: All masks, whole.
            block: Where it lies.

        Returns:
            P, [n, i, j].
        """
        return self.softmax(self.scores(queries, keys, masks, block), -1, *self.settings)

    def scores(self, queries: Tensor, keys: Tensor, masks: Sequence[Tensor], block: Block) -> Tensor:
        """Evaluate what the softmax is taken of, on a block.

        Args:
            queries: The block's, [n, i, d].
            keys: The block's, [n, d, j].
            masks: All masks, whole.
            block: Where it lies.

        Returns:
            S, [n, i, j].
        """
        scores, given = queries @ keys, iter(masks)
        for step in self.steps:
            scores = scores * step if isinstance(step, float) else scores + _part(next(given), step, block)
        return scores


def blocks(a: Tensor, b: Tensor, n: int, rows: int) -> Iterator[Block]:
    """Divide a stack of matrices.

    Args:
        a: Queries, [n, i, d].
        b: Keys, [n, d, j].
        n: Matrices of a block.
        rows: Rows of a block.

    Yields:
        Where each block lies.
    """
    for first in range(0, len(a), n):
        for row in range(0, a.shape[1], rows):
            yield slice(first, min(first + n, len(a))), slice(row, min(row + rows, a.shape[1]))


def fuse_attention(tape: Tape) -> Tape:
    """Replace each attention by one operation named "attention", where its pairs outweigh queries, keys and values.

    Not in a network that works in less than its weights' precision somewhere.

    Args:
        tape: The tape.

    Returns:
        A tape that computes the same.
    """
    if not tape.is_precise:
        return tape
    finder = _Finder(tape)
    replaced: dict[int, Operation | None] = {}
    for position, operation in enumerate(tape.operations):
        if operation.name in _SOFTMAX and (found := finder.around(position)) is not None:
            inside, attention = found
            replaced |= dict.fromkeys(inside)
            replaced[max(inside)] = attention
    if not replaced:
        return tape
    kept = (replaced.get(p, operation) for p, operation in enumerate(tape.operations))
    return replace(tape, operations=[operation for operation in kept if operation is not None])


class _Finder:
    """Looks for the operations around a softmax that make an attention."""

    def __init__(self, tape: Tape):
        self._tape = tape
        self._maker = {index: p for p, operation in enumerate(tape.operations) for index in operation.outputs}
        weights = [index for index, constant in tape.constants.items() if constant.requires_grad]
        self._moving = set().union(*(tape.descendants(index)[0] for index in weights))

    def around(self, position: int) -> tuple[set[int], Operation] | None:
        """Look at what surrounds a softmax.

        Args:
            position: The softmax's.

        Returns:
            Positions of an attention's operations, and what takes their place; None if it is none.
        """
        tape, softmax = self._tape, self._tape.operations[position]
        before, after = self._before(softmax.inputs[0]), self._after(softmax.outputs[0])
        if before is None or after is None or not self._is_plain(softmax):
            return None
        (inside, steps, masks), others = before, after
        product, result = tape.operations[inside[-1]], tape.operations[others[-1]]
        operands = (*product.inputs, result.inputs[1])
        if math.prod(tape.shapes[product.outputs[0]]) <= sum(math.prod(tape.shapes[index]) for index in operands):
            return None
        args = tuple(Value(index) for index in (*operands, *masks))
        attention = Operation("attention", Attention(steps, softmax.op, softmax.args[2:]), args, {}, result.outputs)
        return {position, *inside, *others}, attention

    def _is_plain(self, softmax: Operation) -> bool:
        # Along the last axis, and in the scores' own precision.
        n_axes = len(self._tape.shapes[softmax.inputs[0]])
        return softmax.args[1] % n_axes == n_axes - 1 and not any(softmax.args[2:]) and not any(softmax.kwargs.values())

    def _before(self, index: int) -> tuple[list[int], tuple[Step, ...], list[int]] | None:
        # From the scores back to the product of queries and keys: positions, steps, masks.
        positions, steps, masks = [], [], []
        while self._is_inner(index):
            positions.append(self._maker[index])
            operation = self._tape.operations[positions[-1]]
            if operation.name == "bmm":
                return positions, tuple(reversed(steps)), masks[::-1]
            moving = [i for i in dict.fromkeys(operation.inputs) if i in self._moving]
            if len(moving) != 1 or not self._is_passed_on(moving[0], operation):
                return None
            (index,) = moving
            if operation.name in _PASSING:
                continue
            if (step := self._step(operation, index)) is None:
                return None
            steps.append(step)
            masks += [i for i in operation.inputs if i != index]
        return None

    def _step(self, operation: Operation, scores: int) -> Step | None:
        match operation.name, operation.args:
            case "mul", (Value(), int() | float() as factor):
                return float(factor)
            case "div", (Value(), int() | float() as divisor) if divisor != 0 and not operation.kwargs:
                return 1 / divisor
            case "add", (Value(a), Value(b)) if a != b and not operation.kwargs:
                return self._tape.shapes[scores][:-2]
        return None

    def _after(self, index: int) -> list[int] | None:
        # From the weights on to the product with values.
        positions = []
        while self._is_inner(index):
            positions += self._tape.readers(index)
            operation = self._tape.operations[positions[-1]]
            if operation.name == "bmm":
                return positions if operation.inputs[0] == index != operation.inputs[1] else None
            if operation.name not in _PASSING or not self._is_passed_on(index, operation):
                return None
            (index,) = operation.outputs
        return None

    def _is_inner(self, index: int) -> bool:
        # Whether nobody else looks at it.
        tape, inner = self._tape, index in self._maker and len(self._tape.readers(index)) == 1
        return inner and index != tape.network_output and index not in tape.opaque

    def _is_passed_on(self, index: int, operation: Operation) -> bool:
        # Whether rows and columns are the same before and after, and as many.
        before, after = self._tape.shapes[index], self._tape.shapes[operation.outputs[0]]
        return before[-2:] == after[-2:] and math.prod(before) == math.prod(after)


class AttentionRule(Rule):
    """Tangents and bends of attention, block by block."""

    reads_moving = True

    @override
    def unsupported(self, operation, moving):
        return None if moving <= {0, 1, 2} else "attention with a mask that depends on the weight"

    @override
    def is_affine(self, moving):
        return moving <= {2}

    @override
    def push(self, point):
        a, b, v, *masks = point.args
        c, adjoint, n_samples = point.operation.op.scale, point.adjoint, point.n_samples
        there = _Pairs(point.operation.op, a, b, masks)
        # Of each row: the sum of w_P with weights P, which is that of w with the output.
        means = None if adjoint is None else (adjoint * there.output(v)).sum(-1, keepdim=True)

        def push(tangents):
            ta, tb, tv = tangents[:3]
            n_directions = next(len(t) for t in tangents if t is not None)
            moved = a.new_empty(n_directions, *a.shape[:2], v.shape[2])
            bend = a.new_zeros(n_directions, len(a))
            for heads, rows in blocks(a, b, *_block_size(a, b, n_directions)):
                P, values = there.weights((heads, rows)), v[heads]
                some_a, some_b = (None if ta is None else ta[:, heads, rows]), (None if tb is None else tb[:, heads])
                some_v, w = (None if tv is None else tv[:, heads]), (None if adjoint is None else adjoint[heads, rows])
                out = 0.0 if tv is None else torch.einsum("nij,knje->knie", P, some_v)
                if ta is not None or tb is not None:
                    t = _of_product(some_a, a[heads, rows], some_b, b[heads]).mul_(c)
                    t -= (P * t).sum(-1, keepdim=True)
                    spread = P * t
                    out += spread @ values
                    if w is not None and tv is not None:
                        bend[:, heads] += 2 * (w * (spread @ some_v)).sum((2, 3))
                    del spread
                    if w is not None:
                        of_scores = (w @ values.mT).sub_(means[heads, rows]).mul_(P)
                        second = t.square_()
                        if ta is not None and tb is not None:
                            second += (2 * c * some_a) @ some_b
                        bend[:, heads] += torch.einsum("knij,nij->kn", second, of_scores)
                moved[:, heads, rows] = out
            return [moved], None if adjoint is None else sum_per_sample(bend[..., None], n_samples)

        return push


class _Pairs:
    """The weights of an attention at a point, block by block, by torch's own softmax.

    Its safe form takes three times as long: what it adds, that a row which is masked altogether has no weights, is
    looked up once.
    """

    def __init__(self, attention: Attention, a: Tensor, b: Tensor, masks: list[Tensor]):
        """Take the point.

        Args:
            attention: The operation.
            a: Queries, [n, i, d].
            b: Keys, [n, d, j].
            masks: As for `Attention`.
        """
        self._attention, self._a, self._b, self._masks = attention, a, b, masks
        self._is_hidden = torch.zeros(*a.shape[:2], 1, dtype=torch.bool, device=a.device)
        if masks and attention.softmax is torch.ops.aten._safe_softmax.default:
            for block in blocks(a, b, *_block_size(a, b, 1)):
                self._is_hidden[block] = self._scores(block).amax(-1, keepdim=True) == -math.inf
        self._hides = bool(self._is_hidden.any())

    def weights(self, block: Block) -> Tensor:
        """Evaluate a block.

        Args:
            block: Where it lies.

        Returns:
            P, [n, i, j].
        """
        P = self._scores(block).softmax(-1)
        return P.masked_fill_(self._is_hidden[block], 0.0) if self._hides else P

    def output(self, values: Tensor) -> Tensor:
        """Apply all weights.

        Args:
            values: [n, j, e].

        Returns:
            [n, i, e].
        """
        out = self._a.new_empty(*self._a.shape[:2], values.shape[2])
        for block in blocks(self._a, self._b, *_block_size(self._a, self._b, 1)):
            out[block] = self.weights(block) @ values[block[0]]
        return out

    def _scores(self, block: Block) -> Tensor:
        return self._attention.scores(self._a[block], self._b[block[0]], self._masks, block)


def _of_product(ta, a: Tensor, tb, b: Tensor) -> Tensor:
    # The tangent of a b, [K, n, i, j], in one product.
    if tb is None:
        return ta @ b
    if ta is None:
        return a @ tb
    left, right = a.expand(len(ta), *a.shape), b.expand(len(tb), *b.shape)
    return torch.cat([ta, left], -1) @ torch.cat([right, tb], -2)


def _part(mask: Tensor, lead: torch.Size, block: Block) -> Tensor:
    # A mask's entries for a block of scores, [n or 1, rows or 1, columns or 1].
    heads, rows = block
    mask = mask[(None,) * (len(lead) + 2 - mask.dim())]
    mask = mask[..., rows, :] if mask.shape[-2] > 1 else mask
    if math.prod(mask.shape[:-2]) == 1:
        return mask.reshape(1, *mask.shape[-2:])
    index = torch.unravel_index(torch.arange(heads.start, heads.stop, device=mask.device), lead)
    return mask.expand(*lead, *mask.shape[-2:])[index]


def _block_size(a: Tensor, b: Tensor, n_directions: int) -> tuple[int, int]:
    # Matrices and rows at a time.
    i, j = a.shape[1], b.shape[2]
    rows = max(1, min(i, _PAIRS // (n_directions * j)))
    return (max(1, _PAIRS // (n_directions * i * j)) if rows == i else 1), rows
