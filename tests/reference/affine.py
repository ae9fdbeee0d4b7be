"""Is a network's output affine in a weight? Asked of torch's second derivatives, with no list of operations."""

import torch


def bends(model, inputs, layer) -> bool:
    """Whether d/dW < d<w, f>/dW, D > is not zero for a random cotangent w and direction D.

    Where f is piecewise affine in W no derivative formula depends on W, and double backpropagation gives exact zeros.
    """
    generator = torch.Generator().manual_seed(0)
    outputs = model(inputs)
    cotangent = torch.randn(outputs.shape, generator=generator, dtype=outputs.dtype)
    (gradient,) = torch.autograd.grad((cotangent * outputs).sum(), layer.weight, create_graph=True)
    if not gradient.requires_grad:
        return False
    direction = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype)
    (second,) = torch.autograd.grad((gradient * direction).sum(), layer.weight, allow_unused=True)
    return second is not None and bool(second.any())
