"""The reference engine: h_k by differentiating the gradient once more.

Exact for any network that is twice differentiable where it stands; one double backward pass per direction. Independent
of the other engines: it runs the network itself, with torch's own double backpropagation. So it defines what h means
where a network tells autograd something else than it computes: behind `detach`, `no_grad`, a custom
`autograd.Function`, or a hook that changes gradients, h is what backpropagating twice gives.
"""

import math
from collections.abc import Iterable

import torch
from torch import nn

from layercurv.curvature.autograd_graph import hooked_tensors
from layercurv.curvature.batches import as_batches
from layercurv.curvature.custom_functions import (
    behind_custom_functions,
    require_twice_differentiable,
    warn_if_unseen,
)
from layercurv.curvature.directions import JointDirections, as_directions, gradients_of
from layercurv.curvature.layer_curvature import LayerCurvature
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import as_loss
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective, RandomNumbers, told
from layercurv.errors import InputError


def double_backward_curvature(
    model: nn.Module,
    loss,
    batches: Iterable,
    directions: dict,
    layers: list[WeightLayer],
) -> dict[str, LayerCurvature]:
    """Compute h_k = <D_k, H D_k>, H the Hessian of the mean loss in the layer's weight.

    Layers and directions of one micro-batch share one graph of the gradient. Neither GGN values nor contributions per
    sample are measured.

    Args:
        model: The network, in eval mode.
        loss: The loss, of any kind.
        batches: Micro-batches, of any kind.
        directions: Name to directions: of a layer's name, or `JointDirections` under any name.
        layers: The layers wanted, and all those that joint directions name.

    Returns:
        Name to curvature, on the CPU.

    Raises:
        InputError: If a layer takes no part, or something cannot be differentiated twice.
    """
    by_name = {layer.name: layer for layer in layers}
    joint = {name: given for name, given in directions.items() if isinstance(given, JointDirections)}
    single = {name: as_directions(directions[name], by_name[name]) for name in by_name if name in directions}
    moves = {name: [(by_name[name], given)] for name, given in single.items() if name not in joint}
    moves |= {
        name: [(by_name[part], as_directions(tensors, by_name[part])) for part, tensors in given.tensors.items()]
        for name, given in joint.items()
    }
    sums = {name: [0.0] * len(parts[0][1]) for name, parts in moves.items()}
    used, n_samples, behind = set(), 0, {}
    with measuring(model, layers) as cast_to:
        objective, weights = Objective(model, as_loss(loss), cast_to), [layer.weight for layer in layers]
        for batch in map(objective.prepared, as_batches(batches)):
            random_numbers = RandomNumbers()
            with hooked_tensors() as hooked:
                total, n = objective.counted_loss(batch)
            objective.require_deterministic(batch, total, random_numbers.were_drawn())
            # Of the mean: that is what a hook that cuts gradients off sees of the user's own loss.
            gradients = dict(zip(by_name, gradients_of(total / n, weights, create_graph=True), strict=True))
            found = behind_custom_functions(total, layers, hooked)
            require_twice_differentiable(gradients, found)
            behind = dict.fromkeys(found, batch) | behind  # each with the first micro-batch where it is so
            used |= {name for name, gradient in gradients.items() if gradient is not None}
            for name, parts in moves.items():
                for k in range(len(sums[name])):
                    sums[name][k] += n * _curvature(gradients, parts, k)
            n_samples += n
            del gradients, total
        if behind:
            warn_if_unseen(objective, [by_name[name] for name in behind], next(iter(behind.values())))
    for name, parts in moves.items():
        for layer, _ in parts:
            if layer.name not in used:
                raise InputError(f"layer {layer.name}: expected to take part in the forward pass, it does not")
        if not all(map(math.isfinite, sums[name])):
            raise InputError(f"{name}: its second derivatives are NaN or infinite; check inputs, targets and weights")
    return {
        name: LayerCurvature(
            torch.tensor(total, dtype=torch.float64) / n_samples, None, None, None, n_samples, "double_backward"
        )
        for name, total in sums.items()
    }


def _curvature(gradients: dict, parts: list[tuple], k: int) -> float:
    """Return <D, H D> for one direction of one or several weights, H the Hessian of what `gradients` are those of."""
    D = [(layer.weight, gradients[layer.name], given.tensor(k, layer)) for layer, given in parts]
    D = [(weight, gradient, d.to(gradient.dtype)) for weight, gradient, d in D if gradient is not None]
    slope = sum((gradient * d).sum() for _, gradient, d in D)
    if not isinstance(slope, torch.Tensor) or not slope.requires_grad:
        return 0.0  # the loss does not depend on these weights, or is linear in them
    with told("double backpropagation failed"):
        products = torch.autograd.grad(slope, [weight for weight, _, _ in D], retain_graph=True, allow_unused=True)
    pairs = zip(products, D, strict=True)
    return sum(float((product * d).sum(dtype=torch.float64)) for product, (_, _, d) in pairs if product is not None)
