"""The reference engine: h_k by differentiating the gradient once more.

Exact for any network that is twice differentiable where it stands; one double backward pass per direction. Independent
of the other engines: it runs the network itself, with torch's own double backpropagation.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from layercurv.curvature.directions import Directions
from layercurv.curvature.layer_curvature import LayerCurvature
from layercurv.curvature.layers import WeightLayer, differentiable
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.precision import full_precision
from layercurv.curvature.tape import network_output
from layercurv.curvature.traced import require_eval_mode


def double_backward_curvature(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    directions: dict[str, Directions],
    layers: list[WeightLayer],
) -> dict[str, LayerCurvature]:
    """Compute h_k = vec(u_k v_k^T)^T H vec(u_k v_k^T), H the Hessian of the mean loss in the layer's weight.

    Layers and directions of one micro-batch share one graph of the gradient. Neither GGN values nor contributions per
    sample are measured.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batches: Micro-batches (inputs, targets).
        directions: Layer name to directions.
        layers: The layers wanted.

    Returns:
        Layer name to curvature, on the CPU.
    """
    require_eval_mode(model)
    loss, weights = as_loss(loss), [layer.weight for layer in layers]
    sums = {layer.name: torch.zeros_like(directions[layer.name].singular_values) for layer in layers}
    n_samples = 0
    for inputs, targets in batches:
        with differentiable(layers), full_precision(), sdpa_kernel(SDPBackend.MATH):
            sum_loss = loss.sum_loss(network_output(model, inputs), targets)
            gradients = torch.autograd.grad(sum_loss, weights, create_graph=True)
            for layer, gradient in zip(layers, gradients, strict=True):
                sums[layer.name] += _curvatures(gradient, layer, directions[layer.name])
        n_samples += len(inputs)
    return {
        name: LayerCurvature((total / n_samples).cpu(), None, None, None, n_samples, "double_backward")
        for name, total in sums.items()
    }


def _curvatures(gradient: torch.Tensor, layer: WeightLayer, directions: Directions) -> torch.Tensor:
    """Return vec(D_k)^T H vec(D_k) for each D_k = u_k v_k^T, H the Hessian of what `gradient` is the gradient of."""
    values = []
    for u, v in zip(directions.left.T, directions.right.T, strict=True):
        D = layer.from_matrix(torch.outer(u, v)).to(gradient.dtype)
        (product,) = torch.autograd.grad((gradient * D).sum(), layer.weight, retain_graph=True)
        values.append((product * D).sum(dtype=torch.float64))
    return torch.stack(values)
