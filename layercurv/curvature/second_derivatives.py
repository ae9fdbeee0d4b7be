"""Gradient and Hessian-vector product along a random direction in several weights, by double backpropagation."""

import functools
from collections.abc import Callable

import torch

from layercurv.curvature.directions import gradients_of
from layercurv.curvature.objective import told


def derivatives(total: torch.Tensor, weights: list, directions: list[torch.Tensor]) -> list[tuple]:
    """Differentiate a loss twice.

    Args:
        total: The loss.
        weights: In which; None for one that takes no part.
        directions: One for each weight, of its shape.

    Returns:
        Gradient and product for each weight; zeros where there is nothing to differentiate.
    """
    used = [weight for weight in weights if weight is not None]
    along = [direction for weight, direction in zip(weights, directions, strict=True) if weight is not None]
    gradients, products = gradients_of(total, used, create_graph=True), [None] * len(used)
    followed = [(g, d) for g, d in zip(gradients, along, strict=True) if _is_followed(g)]
    if followed:
        with told("double backpropagation failed"):
            products = torch.autograd.grad([g for g, _ in followed], used, [d for _, d in followed], allow_unused=True)
    pairs = zip(gradients, products, strict=True)
    found = [(None, None) if weight is None else next(pairs) for weight in weights]
    return [
        tuple(torch.zeros_like(d) if x is None else x.detach() for x in pair)
        for pair, d in zip(found, directions, strict=True)
    ]


def see_products(total: torch.Tensor, weights: list[torch.Tensor], see: Callable[[int, torch.Tensor], None]) -> None:
    """Show the Hessian-vector product along the random direction weight by weight: neither it nor gradients are kept.

    Args:
        total: The loss.
        weights: In which; leaves of its graph.
        see: Called with each weight's place and product, in any order.
    """
    unseen = set(range(len(weights)))

    def hand_on(place: int, product: torch.Tensor) -> torch.Tensor:
        unseen.remove(place)
        see(place, product)
        return product.new_zeros(()).expand_as(product)  # what autograd keeps in its place

    gradients = gradients_of(total, weights, create_graph=True)
    slope = sum(_Slope.apply(g, place) for place, g in enumerate(gradients) if _is_followed(g))
    del gradients
    hooks = [weight.register_hook(functools.partial(hand_on, place)) for place, weight in enumerate(weights)]
    try:
        if isinstance(slope, torch.Tensor):
            with told("double backpropagation failed"):
                torch.autograd.grad(slope, weights, allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
    for place in unseen:
        see(place, torch.zeros_like(weights[place]))


def random_directions(weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """Draw a direction of length one in each weight, the same at every call and in every precision.

    Args:
        weights: The weights.

    Returns:
        One tensor for each, of its shape and dtype.
    """
    return [_random_direction(place, weight) for place, weight in enumerate(weights)]


def _random_direction(place: int, like: torch.Tensor) -> torch.Tensor:
    d = torch.randn(like.shape, generator=torch.Generator().manual_seed(place), dtype=torch.float32)
    return (d / d.norm().clamp_min(1e-30)).to(like)


class _Slope(torch.autograd.Function):
    """A gradient's product with its random direction, which is drawn again when it is differentiated: none is kept."""

    @staticmethod
    def forward(ctx, gradient: torch.Tensor, place: int) -> torch.Tensor:
        ctx.place, ctx.like = place, gradient.new_empty(()).expand_as(gradient)
        return (gradient * _random_direction(place, gradient)).sum()

    @staticmethod
    def backward(ctx, factor: torch.Tensor) -> tuple[torch.Tensor, None]:
        return factor * _random_direction(ctx.place, ctx.like), None


def _is_followed(gradient: torch.Tensor | None) -> bool:
    return gradient is not None and gradient.requires_grad
