"""Gradient and Hessian-vector product along a random direction in several weights, by double backpropagation."""

import torch
from torch.autograd.graph import get_gradient_edge

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
    gradients = _gradients(total, weights)
    products = _products(weights, directions, [_edge(g) for g in gradients])
    gradients = [None if g is None else g.detach() for g in gradients]
    return list(zip(_dense(gradients, directions), _dense(products, directions), strict=True))


def hessian_product(total: torch.Tensor, weights: list, directions: list[torch.Tensor]) -> list[torch.Tensor]:
    """Do the same where gradients are not asked for: they are not kept.

    Args:
        total: The loss.
        weights: In which; None for one that takes no part.
        directions: One for each weight, of its shape.

    Returns:
        The product for each weight; zeros where there is nothing to differentiate.
    """
    edges = [_edge(g) for g in _gradients(total, weights)]
    return _dense(_products(weights, directions, edges), directions)


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


def _gradients(total: torch.Tensor, weights: list) -> list:
    found = iter(gradients_of(total, [w for w in weights if w is not None], create_graph=True))
    return [None if weight is None else next(found) for weight in weights]


def _edge(gradient: torch.Tensor | None):
    return get_gradient_edge(gradient) if gradient is not None and gradient.requires_grad else None


def _products(weights: list, directions: list[torch.Tensor], edges: list) -> list:
    # Differentiates the sum of <gradient, direction>, without the gradients' numbers.
    if all(edge is None for edge in edges):
        return [None] * len(weights)
    outputs, along = zip(*((e, d) for e, d in zip(edges, directions, strict=True) if e is not None), strict=True)
    with told("double backpropagation failed"):
        found = iter(torch.autograd.grad(outputs, [w for w in weights if w is not None], along, allow_unused=True))
    return [None if weight is None else next(found) for weight in weights]


def _dense(found: list, like: list[torch.Tensor]) -> list[torch.Tensor]:
    return [torch.zeros_like(d) if x is None else x for x, d in zip(found, like, strict=True)]
