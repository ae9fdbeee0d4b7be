"""Gradient and Hessian-vector product along a random direction in several weights, by double backpropagation."""

import functools
from collections.abc import Callable

import torch

from layercurv.curvature.directions import gradients_of
from layercurv.curvature.objective import told

See = Callable[[int, torch.Tensor], None]


def see_derivatives(
    total: torch.Tensor,
    weights: list[torch.Tensor | None],
    directions: list[torch.Tensor],
    see_gradient: See,
    see_product: See,
) -> None:
    """Show gradient and Hessian-vector product weight by weight, and keep neither.

    Args:
        total: The loss.
        weights: In which; None for one that takes no part, and is not shown.
        directions: One for each weight, of its shape.
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
    total: torch.Tensor, weights: list[torch.Tensor | None], directions: list[torch.Tensor]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Differentiate a loss twice.

    Args:
        total: The loss.
        weights: In which; None for one that takes no part.
        directions: One for each weight, of its shape.

    Returns:
        Gradient and product for each weight; zeros where there is nothing to differentiate.

    Raises:
        InputError: If autograd fails.
    """
    found: tuple[dict[int, torch.Tensor], ...] = ({}, {})
    see_derivatives(total, weights, directions, *(of.__setitem__ for of in found))
    return [
        tuple(of[place] if place in of else torch.zeros_like(d) for of in found) for place, d in enumerate(directions)
    ]


def random_directions(weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """Draw a direction of length one in each weight, the same at every call and in every precision.

    Args:
        weights: The weights.

    Returns:
        One tensor for each, of its shape and dtype.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = (torch.randn(w.shape, generator=generator, dtype=torch.float32) for w in weights)
    return [(d / d.norm().clamp_min(1e-30)).to(w) for d, w in zip(drawn, weights, strict=True)]


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
    def forward(ctx, gradient: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        ctx.direction, ctx.dtype = direction, gradient.dtype
        return (gradient * direction).sum()

    @staticmethod
    def backward(ctx, factor: torch.Tensor) -> tuple[torch.Tensor, None]:
        return factor * ctx.direction.to(ctx.dtype), None
