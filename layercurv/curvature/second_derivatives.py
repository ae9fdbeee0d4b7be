"""Gradient and Hessian-vector product along a random direction in several weights, by double backpropagation."""

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
    gradients = iter(gradients_of(total, used, create_graph=True))
    gradients = [None if weight is None else next(gradients) for weight in weights]
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True) if g is not None)
    products = [None] * len(used)
    if isinstance(slope, torch.Tensor) and slope.requires_grad:
        with told("double backpropagation failed"):
            products = torch.autograd.grad(slope, used, allow_unused=True)
    products = iter(products)
    products = [None if weight is None else next(products) for weight in weights]
    return [
        tuple(torch.zeros_like(d) if x is None else x.detach() for x in pair)
        for *pair, d in zip(gradients, products, directions, strict=True)
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
