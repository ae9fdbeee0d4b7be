"""First and second derivatives of one operation along K directions: the general kinds.

Let x be the arguments of an operation f, t their tangents (axis K in front), and w the gradient of the sum loss in
f(x). A rule gives the derivative f'(x) t and, summed per sample, the bend w . f''(x)[t, t]. What depends on x only is
worked out once per micro-batch and serves all layers and directions. `rules` says which operation is of which kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten
from typing_extensions import override

from layercurv.curvature.tape import Operation

Tangents = list[torch.Tensor | None]  # one per leaf of the arguments, [K, *shape of the leaf]; None where it is fixed
Push = Callable[[Tangents], tuple[list[torch.Tensor], torch.Tensor | None]]  # to output tangents, and bend [K, N]


@dataclass(frozen=True)
class Point:
    """Where an operation is differentiated."""

    operation: Operation
    args: tuple  # its arguments; tensors that its rule does not read are None
    kwargs: dict
    shapes: list[torch.Size | None]  # of the leaves of the arguments that are tensors
    outputs: list[torch.Tensor | None]
    moving: frozenset[int]  # leaves that may carry a tangent
    adjoint: torch.Tensor | None  # w, in the first output; None where nothing bends
    n_samples: int  # over which a bend is kept apart


def sum_per_sample(weighted: torch.Tensor, n_samples: int) -> torch.Tensor:
    """Sum contributions to a bend per sample.

    Args:
        weighted: [K, ...], with the samples in front of the other axes.
        n_samples: N.

    Returns:
        [K, N].
    """
    if weighted.dim() > 2 and weighted.shape[1] == n_samples:
        return weighted.sum(tuple(range(2, weighted.dim())))
    return weighted.reshape(len(weighted), n_samples, -1).sum(2)


class Rule:
    """How one kind of operation is differentiated. By default: affine in its first argument, the only one to move."""

    reads_moving = False  # whether `push` needs the moving arguments' values; it gets those of the others always
    reads_outputs = False
    moves_first_output_only = False  # others, such as means and variances, get no tangent and must not be in use

    def unsupported(self, operation: Operation, moving: frozenset[int]) -> str | None:
        """Say why the rule does not hold.

        Args:
            operation: The operation.
            moving: Leaves of its arguments that may carry a tangent.

        Returns:
            The reason, None if it holds.
        """
        return None if moving <= {0} else f"{operation.op} with more than its first argument depending on the weight"

    def is_affine(self, moving: frozenset[int]) -> bool:
        """Tell whether the operation is affine in the moving leaves together, wherever it has a derivative.

        Args:
            moving: The leaves that depend on a weight.

        Returns:
            Whether its bend is zero.
        """
        return True

    def push(self, point: Point) -> Push:
        """Prepare what depends on the point only.

        Args:
            point: Where.

        Returns:
            The map of tangents.
        """
        raise NotImplementedError


class Affine(Rule):
    """Views, sums, averages, selections: the operation itself, applied to tangents with its constant term left out."""

    def __init__(self, constant: int | None = None):
        """Make a rule.

        Args:
            constant: Position among the arguments of a plain number that is the constant term.
        """
        self._constant = constant

    @override
    def unsupported(self, operation, moving):
        return None

    @override
    def push(self, point):
        args = list(point.args)
        if self._constant in range(len(args)) and not isinstance(args[self._constant], torch.Tensor):
            args[self._constant] = 0
        leaves, structure = tree_flatten((tuple(args), point.kwargs))
        fixed = [torch.zeros_like(x) if _is_floating(x) else x for x in leaves]

        op, shapes, moving = point.operation.op, point.shapes, point.moving

        def push(tangents):
            moved = {i: t for i, t in enumerate(tangents) if t is not None}
            model = next(iter(moved.values()))
            still = {i: model.new_zeros(shapes[i]) for i in moving.difference(moved)}

            def along_one(some):
                args, kwargs = tree_unflatten([{**still, **some}.get(i, x) for i, x in enumerate(fixed)], structure)
                return op(*args, **kwargs)

            found = torch.vmap(along_one)(moved)
            return list(found) if isinstance(found, tuple | list) else [found], None

        return push


class Embedding(Affine):
    """Rows of a table. The row of `padding_idx` gets no gradient: to autograd it does not move."""

    @override
    def unsupported(self, operation, moving):
        return (
            f"{operation.op} with gradients scaled by frequency" if any(x is True for x in operation.args[3:]) else None
        )

    @override
    def push(self, point):
        padding = point.args[2] if len(point.args) > 2 else -1
        of_table = super().push(point)
        if padding < 0:
            return of_table

        def push(tangents):
            table = tangents[0].clone()
            table[:, padding] = 0
            return of_table([table, *tangents[1:]])

        return push


class Reshape(Rule):
    """`view` and its kin: the same, with the directions' axis in front."""

    @override
    def push(self, point):
        size = point.args[1]
        return lambda tangents: ([tangents[0].reshape(len(tangents[0]), *size)], None)


class Same(Rule):
    """An operation that copies, or changes memory only."""

    @override
    def unsupported(self, operation, moving):
        return None

    @override
    def push(self, point):
        return lambda tangents: ([tangents[0]], None)


class Sum(Rule):
    """Signed sum of two arguments, broadcast; torch's `alpha` scales one of them."""

    def __init__(self, signs: tuple[int, int], scaled: int = 1):
        """Make a rule.

        Args:
            signs: Of both arguments.
            scaled: Which one `alpha` scales.
        """
        self._signs, self._scaled = signs, scaled

    @override
    def unsupported(self, operation, moving):
        return None

    @override
    def push(self, point):
        factors = list(self._signs)
        alpha = [point.kwargs["alpha"]] if "alpha" in point.kwargs else list(point.args[2:])
        factors[self._scaled] *= alpha[0] if alpha else 1
        shape = torch.broadcast_shapes(*(s for s in point.shapes if s is not None))

        def push(tangents):
            given = ((with_axes(t, len(shape)), f) for t, f in zip(tangents, factors, strict=False) if t is not None)
            moved = reduce(torch.add, (t if factor == 1 else factor * t for t, factor in given))
            return [moved.expand(len(moved), *shape)], None

        return push


class Product(Rule):
    """Affine in each of two arguments, bent where both move: w . f''[t, t] = 2 w . f(t_a, t_b)."""

    reads_moving = True

    def __init__(self, multiply: Callable, first: int = 0):
        """Make a rule.

        Args:
            multiply: (a, b, settings) to f(a, b) without offset, with the directions' axis in front, of length 1 where
                the factor is fixed.
            first: Leaf of the first factor; the second follows it.
        """
        self._multiply, self._factors = multiply, (first, first + 1)

    @override
    def unsupported(self, operation, moving):
        return None if moving <= set(self._factors) else f"{operation.op} with an offset that depends on the weight"

    @override
    def is_affine(self, moving):
        return len(moving) < 2

    @override
    def push(self, point):
        first, second = self._factors
        a = _with_directions(point.args[first]) if second in point.moving else None
        b = _with_directions(point.args[second]) if first in point.moving else None
        adjoint, n, settings = point.adjoint, point.n_samples, point.args[3:]

        def push(tangents):
            ta, tb = tangents[first], tangents[second]
            if tb is None:
                return [self._multiply(ta, b, settings)], None
            if ta is None:
                return [self._multiply(a, tb, settings)], None
            bend = 2 * sum_per_sample(self._multiply(ta, tb, settings).mul_(adjoint), n)
            return [self._multiply(ta, b, settings).add_(self._multiply(a, tb, settings))], bend

        return push


def multiply_entries(a, b, _settings) -> torch.Tensor:
    """Multiply entry by entry, broadcast.

    Args:
        a: [K or 1, ...] or a number.
        b: The same.

    Returns:
        [K, ...].
    """
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        n_axes = max(a.dim(), b.dim()) - 1
        a, b = with_axes(a, n_axes), with_axes(b, n_axes)
    return a * b


def multiply_matrices(a: torch.Tensor, b: torch.Tensor, _settings) -> torch.Tensor:
    """Multiply matrices, one or a stack of them.

    Args:
        a: [K or 1, ..., i, j].
        b: [K or 1, ..., j, l].

    Returns:
        [K, ..., i, l].
    """
    if len(b) == 1 and b.dim() == 3:
        return a @ b[0]  # one large product instead of K
    return a @ b


def convolve(a: torch.Tensor, b: torch.Tensor, settings: tuple) -> torch.Tensor:
    """Convolve images with kernels.

    Args:
        a: Images, [K or 1, N, channels, ...].
        b: Kernels, [K or 1, m, channels, ...].
        settings: The operation's arguments behind the bias: stride, padding and the like.

    Returns:
        [K, N, m, ...].
    """
    if len(b) == 1:
        return torch.convolution(a.flatten(0, 1), b[0], None, *settings).unflatten(0, a.shape[:2])
    pairs = zip(a.expand(len(b), *a.shape[1:]), b, strict=True)
    return torch.stack([torch.convolution(images, kernels, None, *settings) for images, kernels in pairs])


class Quotient(Rule):
    """q = a / b: q' t = (t_a - q t_b) / b and q''[t, t] = -2 t_b (q' t) / b."""

    reads_moving = True
    reads_outputs = True

    @override
    def unsupported(self, operation, moving):
        return f"{operation.op} with rounding" if operation.kwargs else None

    @override
    def is_affine(self, moving):
        return 1 not in moving

    @override
    def push(self, point):
        b, q, adjoint, n = point.args[1], point.outputs[0], point.adjoint, point.n_samples

        def push(tangents):
            n_axes = q.dim()
            ta, tb, *_ = (None if t is None else with_axes(t, n_axes) for t in tangents)
            if tb is None:
                return [(ta / b).expand(len(ta), *q.shape)], None
            moved = (-q * tb if ta is None else ta - q * tb) / b
            return [moved], sum_per_sample(-2 * tb * moved / b * adjoint, n)

        return push


class Elementwise(Rule):
    """A function of each entry by itself; its derivatives are torch's own, taken at the point."""

    reads_moving = True

    def __init__(self, is_smooth: bool):
        """Make a rule.

        Args:
            is_smooth: Whether it has a second derivative that is not zero everywhere.
        """
        self._is_smooth = is_smooth

    @override
    def is_affine(self, moving):
        return not self._is_smooth

    @override
    def push(self, point):
        slope, curvature = self._derivatives(point)
        weighted, n = None if curvature is None else curvature * point.adjoint, point.n_samples

        def push(tangents):
            t = tangents[0]
            return [t * slope], None if weighted is None else sum_per_sample(t.square().mul_(weighted), n)

        return push

    def _derivatives(self, point):
        with torch.enable_grad():
            x = point.args[0].detach().requires_grad_()
            y = point.operation.op(x, *point.args[1:], **point.kwargs)
            (slope,) = torch.autograd.grad(y, x, torch.ones_like(y), create_graph=self._is_smooth)
            if not self._is_smooth:
                return slope, None
            if not slope.requires_grad:  # as of x^0
                return slope, torch.zeros_like(slope)
            (curvature,) = torch.autograd.grad(
                slope, x, torch.ones_like(slope), allow_unused=True, materialize_grads=True
            )
        return slope.detach(), curvature


def _with_directions(factor):
    return factor[None] if isinstance(factor, torch.Tensor) else factor


def _is_floating(leaf) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.is_floating_point()


def with_axes(tangent: torch.Tensor, n_axes: int) -> torch.Tensor:
    """Let shapes of fewer axes broadcast as they do without the directions' axis.

    Args:
        tangent: [K, *shape].
        n_axes: How many axes there are to be behind the first.

    Returns:
        [K, 1, ..., 1, *shape].
    """
    return tangent.reshape(len(tangent), *[1] * (n_axes + 1 - tangent.dim()), *tangent.shape[1:])
