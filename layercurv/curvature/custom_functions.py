"""Second derivatives through an `autograd.Function` written in Python: seen by autograd only as far as its backward is.

Where that backward works in numpy, detaches something, or uses what the forward pass kept beside its inputs and
outputs, autograd takes a part of the second derivative for zero, without a word. Where a hook changes gradients, it is
called twice. Differences of the gradient see both.
"""

import contextlib
import functools
import logging
import warnings

import torch
from torch import nn

from layercurv.curvature.autograd_graph import (
    hooked_tensors,
    is_once_differentiable,
    weights_behind_custom_functions,
    weights_behind_hooks,
)
from layercurv.curvature.batches import Batch, of_one_or_all
from layercurv.curvature.directions import gradients_of
from layercurv.curvature.finite_difference import moved
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import Loss
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective
from layercurv.curvature.rounding import Distance, effect
from layercurv.curvature.second_derivatives import derivatives, random_directions
from layercurv.errors import InputError

_LOG = logging.getLogger(__name__)

_WORTH_A_WARNING = 0.01
_STEPS = 1e-4, 1e-5  # relative to a weight's size; a kink between two points is not between all four


def behind_custom_functions(
    total: torch.Tensor, layers: list[WeightLayer], hooked: list[torch.Tensor]
) -> dict[str, str]:
    """Find the layers whose gradients pass through a custom function, or may be changed by a hook.

    Args:
        total: The loss.
        layers: The layers.
        hooked: What was given a hook while the loss was computed.

    Returns:
        Layer name to reason.
    """
    found = weights_behind_hooks(total, hooked) | weights_behind_custom_functions(total)
    return {layer.name: found[layer.weight] for layer in layers if layer.weight in found}


def require_twice_differentiable(gradients: dict[str, torch.Tensor | None], behind: dict[str, str]) -> None:
    """Raise if a custom function refuses to be differentiated twice.

    Args:
        gradients: Layer name to gradient.
        behind: As `behind_custom_functions` found.

    Raises:
        InputError: If so.
    """
    for name, reason in behind.items():
        gradient = gradients[name]
        if gradient is not None and is_once_differentiable(gradient):
            raise InputError(
                f"layer {name}: {reason} that is marked once_differentiable, so it has no second derivative; write its "
                "backward in torch operations, without the mark"
            )


def require_seen(model: nn.Module, loss: Loss, layers: list[WeightLayer], batch: Batch) -> None:
    """Raise, or warn, if autograd does not see all second derivatives on a micro-batch.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        layers: The layers, or parameters.
        batch: The micro-batch, as it came.

    Raises:
        InputError: If a custom function refuses to be differentiated twice.
    """
    with measuring(model, layers) as cast_to:
        objective = Objective(model, loss, cast_to)
        with hooked_tensors() as hooked:
            total = _loss(objective, batch)
        if behind := behind_custom_functions(total, layers, hooked):
            gradients = gradients_of(total, [layer.weight for layer in layers], create_graph=True)
            names = [layer.name for layer in layers]
            require_twice_differentiable(dict(zip(names, gradients, strict=True)), behind)
            del gradients, total
            warn_if_unseen(objective, [layer for layer in layers if layer.name in behind], batch)


def warn_if_unseen(objective: Objective, layers: list[WeightLayer], batch: Batch) -> None:
    """Warn if differences of the gradient show second derivatives that autograd does not.

    Not to be called while a graph of the network is in use: where weights are cast to float64, it is cut.

    Args:
        objective: The user's network and loss, while it is being measured.
        layers: Layers behind custom functions.
        batch: A micro-batch, prepared or as it came.
    """
    found = of_one_or_all(functools.partial(_effect, objective, layers), batch)
    if found is None:
        _LOG.warning(
            "layers %s: their gradients pass through a custom autograd.Function or a hook, and the network does not "
            "run in float64: nobody knows whether double backpropagation sees all of their second derivatives",
            ", ".join(layer.name for layer in layers),
        )
    elif found > _WORTH_A_WARNING:
        names, size = ", ".join(layer.name for layer in layers), f"{found:.1%}" if found < 1 else "100% or more"
        warnings.warn(
            f"layers {names}: their gradients pass through a custom autograd.Function, a hook, or torch's weight norm, "
            f"and double backpropagation is off by {size} from differences of the gradient on the first sample: its "
            "backward is not the derivative of its forward (straight-through, reversal, a hook that scales), or not "
            "differentiable itself (numpy, detach, what forward kept beside its inputs and outputs; the norm, in "
            "weight norm)",
            stacklevel=3,
        )


def _effect(objective: Objective, layers: list[WeightLayer], batch: Batch) -> float | None:
    # Hessian-vector products against differences of the gradient, both in float64: the largest relative difference.
    weights = [layer.weight for layer in layers]
    try:
        with measuring(objective.model, layers, torch.float64) as cast_to:
            in_double = Objective(objective.model, objective.loss, cast_to)
            directions = random_directions(weights)
            size = torch.stack([w.detach().norm() for w in weights]).norm().item() or 1.0
            exact = [product for _, product in derivatives(_loss(in_double, batch), weights, directions)]
            return min(_difference(in_double, layers, directions, batch, exact, step * size) for step in _STEPS)
    except (InputError, IndexError, TypeError, ValueError):  # bound to its precision, or to a number of samples
        return None


def _difference(objective: Objective, layers: list, directions: list, batch: Batch, exact: list, step: float) -> float:
    ahead, behind = (_moved_gradients(objective, layers, directions, batch, way * step) for way in (1, -1))
    slopes = [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    return effect([Distance.of(found, slope) for found, slope in zip(exact, slopes, strict=True)])


def _moved_gradients(objective: Objective, layers: list, directions: list, batch: Batch, step: float) -> list:
    weights = [layer.weight for layer in layers]
    with contextlib.ExitStack() as stack:
        for layer, direction in zip(layers, directions, strict=True):
            stack.enter_context(moved(layer, direction.tensor(layer.weight.dtype, step)))
        found = gradients_of(_loss(objective, batch), weights)
    return [torch.zeros_like(w) if g is None else g.to_dense() for w, g in zip(weights, found, strict=True)]


def _loss(objective: Objective, batch: Batch) -> torch.Tensor:
    return objective.sum_loss(objective.prepared(batch))
