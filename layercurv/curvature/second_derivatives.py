"""Gradient and Hessian-vector product along a random direction in several weights, by double backpropagation."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch

from layercurv.curvature.directions import gradients_of
from layercurv.curvature.objective import told

See = Callable[[int, torch.Tensor], None]

_RANK = 2  # no quadratic form but zero vanishes on all matrices of rank two; of rank one, the minors do


@dataclass(frozen=True)
class RandomDirection:
    """A direction of length one in a weight [m, ...], as the product of two thin matrices: L R^T in its matrix view."""

    left: torch.Tensor  # L, [m, 2] float32
    right: torch.Tensor  # R, [n, 2] float32
    shape: torch.Size

    @classmethod
    def draw(cls, weight: torch.Tensor, generator: torch.Generator) -> "RandomDirection":
        """Draw one.

        Args:
            weight: The weight.
            generator: Of the random numbers, on the CPU.

        Returns:
            The direction, on the weight's device.
        """
        m, n = _matrix_shape(weight)
        L, R = (torch.randn(size, _RANK, generator=generator, dtype=torch.float32) for size in (m, n))
        length = ((L.T @ L) * (R.T @ R)).sum().sqrt().clamp_min(1e-30)
        return cls((L / length).to(weight.device), R.to(weight.device), weight.shape)

    def tensor(self, dtype: torch.dtype, length: float | torch.Tensor = 1.0) -> torch.Tensor:
        """Multiply it out.

        Args:
            dtype: Of the result.
            length: Of the result.

        Returns:
            The direction, of the weight's shape.
        """
        return (self.left.to(dtype) * length @ self.right.to(dtype).T).reshape(self.shape)

    def along(self, tensor: torch.Tensor) -> torch.Tensor:
        """Take a tensor's product with it, <D, T>.

        Args:
            tensor: T, of the weight's shape.

        Returns:
            A scalar of T's dtype.
        """
        matrix = tensor.reshape(len(self.left), len(self.right))
        return ((matrix @ self.right.to(tensor.dtype)) * self.left.to(tensor.dtype)).sum()


def see_derivatives(
    total: torch.Tensor,
    weights: list[torch.Tensor | None],
    directions: list[RandomDirection],
    see_gradient: See,
    see_product: See,
) -> None:
    """Show gradient and Hessian-vector product weight by weight, and keep neither.

    Args:
        total: The loss.
        weights: In which; None for one that takes no part, and is not shown.
        directions: One for each weight.
        see_gradient: Called with each weight's place and gradient, in any order; zeros where nothing depends on it.
        see_product: Likewise with the product of the Hessian in all weights with all directions.

    Raises:
        InputError: If autograd fails.
    """
    slopes = []

    def differentiate(place: int, gradient: torch.Tensor) -> None:
        see_gradient(place, gradient.detach())
        if gradient.requires_grad:
            slopes.append(_Slope.apply(gradient, directions[place]))

    _backpropagate(total, weights, differentiate, create_graph=True)
    with told("double backpropagation failed"):
        _backpropagate(sum(slopes, torch.zeros(())), weights, see_product)


def derivatives(
    total: torch.Tensor, weights: list[torch.Tensor | None], directions: list[RandomDirection]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Differentiate a loss twice.

    Args:
        total: The loss.
        weights: In which; None for one that takes no part.
        directions: One for each weight.

    Returns:
        Gradient and product for each weight; zeros where there is nothing to differentiate.

    Raises:
        InputError: If autograd fails.
    """
    found: tuple[dict[int, torch.Tensor], ...] = ({}, {})
    see_derivatives(total, weights, directions, *(of.__setitem__ for of in found))
    dtype = total.dtype
    return [
        tuple(of[place] if place in of else torch.zeros(d.shape, dtype=dtype, device=d.left.device) for of in found)
        for place, d in enumerate(directions)
    ]


def random_directions(weights: list[torch.Tensor]) -> list[RandomDirection]:
    """Draw a direction in each weight, the same at every call and in every precision.

    Args:
        weights: The weights.

    Returns:
        One for each.
    """
    generator = torch.Generator().manual_seed(0)
    return [RandomDirection.draw(weight, generator) for weight in weights]


def _backpropagate(total: torch.Tensor, weights: list, see: See, create_graph: bool = False) -> None:
    places: dict[torch.Tensor, list[int]] = {}  # of each weight; tensors are told apart by identity
    for place, weight in enumerate(weights):
        if weight is not None:
            places.setdefault(weight, []).append(place)
    unseen = set(places)

    def hand_on(weight: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        unseen.discard(weight)
        gradient = gradient.to_dense()
        for place in places[weight]:
            see(place, gradient)
        return gradient.new_zeros(()).expand_as(gradient)  # what autograd keeps in its place

    hooks = [weight.register_hook(functools.partial(hand_on, weight)) for weight in places]
    try:
        gradients_of(total, list(places), create_graph)
    finally:
        for hook in hooks:
            hook.remove()
    for place in (place for weight in unseen for place in places[weight]):
        see(place, torch.zeros_like(weights[place]))


class _Slope(torch.autograd.Function):
    """A gradient's product with a direction, whose own graph holds neither the gradient nor a copy of the direction."""

    @staticmethod
    def forward(ctx, gradient: torch.Tensor, direction: RandomDirection) -> torch.Tensor:
        ctx.direction, ctx.dtype = direction, gradient.dtype
        return direction.along(gradient)

    @staticmethod
    def backward(ctx, factor: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.direction.tensor(ctx.dtype, factor), None


def _matrix_shape(weight: torch.Tensor) -> tuple[int, int]:
    rows = weight.shape[0] if weight.dim() > 1 else 1
    return rows, weight.numel() // max(rows, 1)
