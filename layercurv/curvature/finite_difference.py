"""Curvature by finite differences: what a measurement without second derivatives would give.

Two central forms, both with an error of order step^2 and rounding that grows as the step shrinks:

    loss:      ( L(W + e D) - 2 L(W) + L(W - e D) ) / e^2          rounding ~ eps |L| / e^2
    gradient:  < grad L(W + e D) - grad L(W - e D), D > / (2 e)    rounding ~ eps |grad L| / e

D = u_k v_k^T has unit norm, so the step e is a distance in weight space. Not an engine: only the comparison with one.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from layercurv.curvature.directions import Directions
from layercurv.curvature.layers import WeightLayer, differentiable
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.measuring import require_eval_mode
from layercurv.curvature.objective import network_output
from layercurv.curvature.precision import full_precision
from layercurv.errors import InputError, choose

Batches = Sequence[tuple[torch.Tensor, torch.Tensor]]


def finite_difference_curvature(
    model: nn.Module,
    loss: Loss,
    batches: Batches,
    layer: WeightLayer,
    directions: Directions,
    step: float,
    form: str = "loss",
) -> torch.Tensor:
    """Estimate h_k of one layer by central differences in the network's own precision.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batches: Micro-batches (inputs, targets).
        layer: The layer.
        directions: Its directions.
        step: Distance moved along each direction, positive.
        form: "loss" (two forward passes a direction, and one for all) or "gradient" (two backward passes a direction).

    Returns:
        [K] float64, on the CPU.

    Raises:
        InputError: If the step is not positive, the form unknown or a layer in train mode.
    """
    require_eval_mode(model)
    measure = choose("form of finite difference", form, {"loss": _from_losses, "gradient": _from_gradients})
    if not step > 0:
        raise InputError(f"step: expected a positive number, got {step}")
    with full_precision():
        return measure(model, as_loss(loss), batches, layer, directions, step).cpu()


def _from_losses(model, loss: Loss, batches: Batches, layer: WeightLayer, directions: Directions, step: float):
    here, found = _mean_loss(model, loss, batches), []
    for D in _matrices(layer, directions):
        with moved(layer, step * D):
            ahead = _mean_loss(model, loss, batches)
        with moved(layer, -step * D):
            behind = _mean_loss(model, loss, batches)
        found.append((ahead - 2 * here + behind) / step**2)
    return torch.stack(found)


def _from_gradients(model, loss: Loss, batches: Batches, layer: WeightLayer, directions: Directions, step: float):
    found = []
    for D in _matrices(layer, directions):
        with moved(layer, step * D):
            ahead = _slope(model, loss, batches, layer, D)
        with moved(layer, -step * D):
            behind = _slope(model, loss, batches, layer, D)
        found.append((ahead - behind) / (2 * step))
    return torch.stack(found)


def _matrices(layer: WeightLayer, directions: Directions) -> torch.Tensor:
    # [K, *weight.shape]
    D = torch.einsum("mk,nk->kmn", directions.left, directions.right)
    return layer.from_matrix(D).to(layer.weight.dtype)


@contextmanager
def moved(layer: WeightLayer, change: torch.Tensor) -> Generator[None]:
    """Change a layer's weight for a while.

    Args:
        layer: The layer.
        change: What is added to the weight, of its shape.

    Yields:
        None.
    """
    kept = layer.weight.detach().clone()
    try:
        with torch.no_grad():
            layer.weight.add_(change)
        yield
    finally:
        with torch.no_grad():
            layer.weight.copy_(kept)  # subtracting the change again would leave rounding behind


@torch.no_grad()
def _mean_loss(model: nn.Module, loss: Loss, batches: Batches) -> torch.Tensor:
    sums = [loss.sum_loss(network_output(model, inputs), targets).double() for inputs, targets in batches]
    return torch.stack(sums).sum() / sum(len(inputs) for inputs, _ in batches)


def _slope(model: nn.Module, loss: Loss, batches: Batches, layer: WeightLayer, D: torch.Tensor) -> torch.Tensor:
    total = 0.0
    for inputs, targets in batches:
        with differentiable([layer]):
            (gradient,) = torch.autograd.grad(loss.sum_loss(network_output(model, inputs), targets), layer.weight)
        total += (gradient * D).sum(dtype=torch.float64)
    return total / sum(len(inputs) for inputs, _ in batches)
