"""Is the GGN form exact for a layer? Asked of the network's derivatives, not of its module names.

The form is the Hessian where the output f is affine in this one weight W, all else held. That is so where the second
derivative of f in W vanishes: for a random cotangent w and a random direction D,

    d/dW < d<w, f>/dW, D > = 0.

Where f is piecewise linear in W no derivative formula depends on W, and double backpropagation returns zeros that are
exact, not small. Anything else (GELU as a function call, softmax attention, LayerNorm, batch statistics, a weight that
is shared or used twice) gives a value of ordinary size, except on a set of w and D of measure zero.

Not covered: a function that bends in one part of its range only (ELU) passes if no unit on no sample is in that part.
"""

import torch
from torch import nn

from layercurv.curvature.layers import WeightLayer

N_SAMPLES = 2  # few are enough: the answer is about which operations occur, at each of many units


def not_affine(model: nn.Module, inputs: torch.Tensor, layers: list[WeightLayer]) -> dict[str, str]:
    """Find the layers in which the network's output is not locally affine.

    Costs one forward pass, one backward pass with graph and one backward pass per layer, on a few samples.

    Args:
        model: The network, in eval mode.
        inputs: A micro-batch; its first samples are used.
        layers: The layers asked about; their weights must require gradients.

    Returns:
        Layer name to reason, for the layers that fail; empty if the GGN form is exact for all.
    """
    generator = torch.Generator().manual_seed(0)
    outputs = model(inputs[:N_SAMPLES])
    cotangent = torch.randn(outputs.shape, generator=generator, dtype=outputs.dtype).to(outputs.device)
    weights = [layer.weight for layer in layers]
    gradients = torch.autograd.grad((cotangent * outputs).sum(), weights, create_graph=True, allow_unused=True)
    reasons = {}
    for layer, gradient in zip(layers, gradients, strict=True):
        if gradient is None or not gradient.requires_grad:
            continue  # no second derivative at all
        direction = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype).to(gradient.device)
        along = (gradient * direction).sum()
        (second,) = torch.autograd.grad(along, layer.weight, retain_graph=True, allow_unused=True)
        if second is not None and second.any():
            ratio = float(second.norm() / gradient.detach().norm())
            reasons[layer.name] = (
                f"the network's output is not affine in this weight: its second derivative along a random direction is "
                f"{ratio:.1e} times its first (a smooth activation, attention, normalisation by batch or layer, "
                "or a shared weight)"
            )
    return reasons
