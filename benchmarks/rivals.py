"""Other ways to the same numbers, each as its users would call it.

A rival is prepared once per network and micro-batch, and then asked layer by layer for h_k = D_k^T H D_k.
"""

from collections.abc import Callable

import curvlinops
import torch
from pyhessian import hessian
from pyhessian.utils import hessian_vector_product
from torch import nn
from torch.func import functional_call, grad, jvp, vmap

from layercurv.curvature import WeightLayer
from layercurv.curvature.losses import Loss
from layercurv.curvature.objective import network_output

Batch = tuple[torch.Tensor, torch.Tensor]
Measure = Callable[[WeightLayer, torch.Tensor], torch.Tensor]  # layer and D, [K, *weight.shape], to h, [K]


class _Outputs(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, inputs):
        return network_output(self.model, inputs)


class _MeanLoss(nn.Module):
    reduction = "mean"

    def __init__(self, loss: Loss):
        super().__init__()
        self.loss = loss

    def forward(self, outputs, targets):
        return self.loss.sum_loss(outputs, targets) / len(outputs)


def source_protocol(model: nn.Module, loss: Loss, batch: Batch) -> Measure:
    """Run one forward pass and one double backpropagation for every single direction, as the source paper does.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batch: Inputs and targets.

    Returns:
        The measure.
    """

    def one(layer, D):
        mean_loss = _MeanLoss(loss)(network_output(model, batch[0]), batch[1])
        (gradient,) = torch.autograd.grad(mean_loss, layer.weight, create_graph=True)
        (product,) = torch.autograd.grad((gradient * D).sum(), layer.weight)
        return (product * D).sum()

    return lambda layer, D: torch.stack([one(layer, d) for d in D])


def shared_graph(model: nn.Module, loss: Loss, batch: Batch) -> Measure:
    """Build the graph of all layers' gradients once and go back through it for each direction.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batch: Inputs and targets.

    Returns:
        The measure.
    """
    weights = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    mean_loss = _MeanLoss(loss)(network_output(model, batch[0]), batch[1])
    gradients = torch.autograd.grad(mean_loss, weights, create_graph=True, allow_unused=True)
    gradient_of = {id(weight): gradient for weight, gradient in zip(weights, gradients, strict=True)}

    def one(layer, D):
        along = (gradient_of[id(layer.weight)] * D).sum()
        (product,) = torch.autograd.grad(along, layer.weight, retain_graph=True)
        return (product * D).sum()

    return lambda layer, D: torch.stack([one(layer, d) for d in D])


def forward_over_reverse(model: nn.Module, loss: Loss, batch: Batch) -> Measure:
    """Push directions, all of a layer at once, through the gradient of the loss in the one weight (torch.func).

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batch: Inputs and targets.

    Returns:
        The measure.
    """

    def measure(layer, D):
        def mean_loss(weight):
            outputs = functional_call(model, {f"{layer.name}.weight": weight}, (batch[0],))
            return _MeanLoss(loss)(getattr(outputs, "logits", outputs), batch[1])

        weight = layer.weight.detach()
        return vmap(lambda d: (jvp(grad(mean_loss), (weight,), (d,))[1] * d).sum())(D)

    return measure


def by_curvlinops(model: nn.Module, loss: Loss, batch: Batch) -> Measure:
    """Multiply with curvlinops' HessianLinearOperator of the one weight.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batch: Inputs and targets.

    Returns:
        The measure.
    """

    def measure(layer, D):
        operator = curvlinops.HessianLinearOperator(
            _Outputs(model), _MeanLoss(loss), [layer.weight], [batch], check_deterministic=False
        )
        return torch.stack([d @ (operator @ d) for d in D.flatten(1)])

    return measure


def by_pyhessian(model: nn.Module, loss: Loss, batch: Batch) -> Measure:
    """Multiply with PyHessian, whose Hessian is that of all parameters; its gradient graph is built once.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batch: Inputs and targets.

    Returns:
        The measure.
    """
    full = hessian(_Outputs(model), _MeanLoss(loss), data=batch, cuda=False)
    place_of = {id(parameter): place for place, parameter in enumerate(full.params)}

    def one(layer, D):
        place = place_of[id(layer.weight)]
        vector = [D if i == place else torch.zeros_like(p) for i, p in enumerate(full.params)]
        return (hessian_vector_product(full.gradsH, full.params, vector)[place] * D).sum()

    return lambda layer, D: torch.stack([one(layer, d) for d in D])


RIVALS: dict[str, Callable[[nn.Module, Loss, Batch], Measure]] = {
    "source_protocol": source_protocol,
    "shared_graph": shared_graph,
    "forward_over_reverse": forward_over_reverse,
    "curvlinops": by_curvlinops,
    "pyhessian": by_pyhessian,
}
