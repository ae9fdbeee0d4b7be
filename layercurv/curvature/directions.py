"""Top singular directions of a layer's mean gradient."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from layercurv.curvature.layers import WeightLayer, differentiable
from layercurv.curvature.leading_triplets import is_large, leading_triplets
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.precision import full_precision
from layercurv.curvature.tape import network_output
from layercurv.curvature.traced import require_eval_mode
from layercurv.errors import InputError


@dataclass(frozen=True)
class Directions:
    """The K leading singular triplets of one layer's gradient, in float64."""

    singular_values: torch.Tensor  # [K], descending
    left: torch.Tensor  # [m, K], orthonormal columns u_k
    right: torch.Tensor  # [n, K], orthonormal columns v_k
    is_null: torch.Tensor  # [K] bool: sigma_k is within rounding of zero


def mean_gradients(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    layers: list[WeightLayer],
) -> dict[str, torch.Tensor]:
    """Average the loss gradient over all samples, micro-batch by micro-batch.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batches: Micro-batches (inputs, targets).
        layers: The layers wanted.

    Returns:
        Layer name to dL/dW in its matrix view, [m, n] float64.

    Raises:
        InputError: If there is no batch, or a gradient is not finite.
    """
    require_eval_mode(model)
    loss, weights = as_loss(loss), [layer.weight for layer in layers]
    sums = [torch.zeros(layer.shape, dtype=torch.float64, device=layer.weight.device) for layer in layers]
    n_samples = 0
    for inputs, targets in batches:
        with differentiable(layers), full_precision():
            gradients = torch.autograd.grad(loss.sum_loss(network_output(model, inputs), targets), weights)
        for layer, total, gradient in zip(layers, sums, gradients, strict=True):
            total += layer.to_matrix(gradient)
        n_samples += len(inputs)
    if n_samples == 0:
        raise InputError("expected at least one micro-batch, got none")
    for layer, total in zip(layers, sums, strict=True):
        if not torch.isfinite(total).all():
            raise InputError(f"layer {layer.name}: the gradient holds NaN or infinity; check inputs and targets")
    return {layer.name: total / n_samples for layer, total in zip(layers, sums, strict=True)}


def top_singular_directions(gradient: torch.Tensor, top_k: int, eps: float) -> Directions:
    """Find the leading singular triplets without a full SVD: of a large matrix by Lanczos, else from its Gram matrix.

    Large means more than 512 rows and columns (see `leading_triplets`). Otherwise, an eigendecomposition of G G^T (or
    G^T G) gives the leading left subspace, known only to eps (sigma_1 / sigma_k)^2. Two SVDs of G restricted to K rows,
    then to K columns, remove the loss of digits that squaring causes: what the subspace holds of directions with smaller
    singular values shrinks in each product with G.

    Args:
        gradient: G, [m, n] float64.
        top_k: How many; at most min(m, n) are returned.
        eps: Machine epsilon of the arithmetic G was computed in. Directions with sigma_k <= sigma_1 * eps * max(m, n)
            are marked null (the rule of numpy.linalg.matrix_rank).

    Returns:
        The directions, K = min(top_k, m, n).

    Raises:
        InputError: If top_k < 1 or G is zero.
    """
    if top_k < 1:
        raise InputError(f"top_k: expected a positive integer, got {top_k}")
    if not gradient.any():
        raise InputError(f"expected a gradient that is not zero, got zeros of shape {tuple(gradient.shape)}")
    G = gradient if gradient.shape[0] <= gradient.shape[1] else gradient.T  # wide: rows <= columns
    K = min(top_k, G.shape[0])
    found = leading_triplets(G, K) if is_large(G.shape, K) else None
    basis = torch.linalg.eigh(G @ G.T).eigenvectors[:, -K:] if found is None else found.left  # [rows, K]
    right_t = torch.linalg.svd(basis.T @ G, full_matrices=False).Vh
    left, sigma, rotation_t = torch.linalg.svd(G @ right_t.T, full_matrices=False)
    right = (rotation_t @ right_t).T
    if G is not gradient:
        left, right = right, left
    is_null = sigma <= sigma[0] * eps * max(gradient.shape)
    return Directions(sigma, left, right, is_null)


def gradient_directions(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    layers: list[WeightLayer],
    top_k: int,
) -> dict[str, Directions]:
    """Find the leading singular directions of every layer's mean gradient.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batches: Micro-batches (inputs, targets).
        layers: The layers wanted.
        top_k: How many directions per layer.

    Returns:
        Layer name to directions.

    Raises:
        InputError: If a layer's gradient is zero.
    """
    gradients = mean_gradients(model, loss, batches, layers)
    for name, gradient in gradients.items():
        if not gradient.any():
            raise InputError(f"layer {name}: its gradient is zero (dead units?); leave it out of the layers measured")
    return {
        layer.name: top_singular_directions(gradients[layer.name], top_k, torch.finfo(layer.weight.dtype).eps)
        for layer in layers
    }
