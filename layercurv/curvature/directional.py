"""Directional curvature of many layers in one call."""

from collections.abc import Sequence

import torch
from torch import nn

from layercurv.curvature.certificate import not_affine
from layercurv.curvature.directions import Directions
from layercurv.curvature.double_backward import double_backward_curvature
from layercurv.curvature.ggn import GGNCurvature, LayerCurvature
from layercurv.curvature.layers import weight_layers
from layercurv.curvature.losses import Loss
from layercurv.curvature.sweep import sweep
from layercurv.curvature.tape import require_eval_mode
from layercurv.errors import InputError

ENGINES = ("auto", "double_backward", "ggn")


def directional_curvature(
    model: nn.Module,
    loss: Loss,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    directions: dict[str, Directions],
    engine: str = "auto",
) -> dict[str, LayerCurvature]:
    """Measure h_k = vec(u_k v_k^T)^T H vec(u_k v_k^T) for every layer that has directions.

    Args:
        model: The network, in eval mode.
        loss: The loss; its mean over all samples is what is differentiated.
        batches: Micro-batches (inputs, targets).
        directions: Layer name to directions.
        engine: "double_backward", exact for any network; "ggn", far faster, refused where it is not exact; "auto", for
            each layer `ggn` where `certificate` finds it exact and `double_backward` elsewhere.

    Returns:
        Layer name to curvature; each says which engine measured it.

    Raises:
        InputError: If the engine is unknown, or `ggn` is asked for and not exact for some layer.

    Example:
        >>> from layercurv.curvature import SquaredError, gradient_directions
        >>> model, x, y = torch.nn.Linear(2, 1, bias=False), torch.eye(2), torch.ones(2, 1)
        >>> found = gradient_directions(model, SquaredError(), [(x, y)], weight_layers(model), top_k=1)
        >>> h = directional_curvature(model, SquaredError(), [(x, y)], found, "ggn")[""].curvatures
        >>> round(h.item(), 6)  # v^T E[x x^T] v with E[x x^T] = I/2
        0.5
    """
    if engine not in ENGINES:
        raise InputError(f"unknown curvature engine {engine!r}; expected one of: {', '.join(ENGINES)}")
    layers = weight_layers(model, list(directions))
    require_eval_mode(model)
    reasons = {} if engine == "double_backward" else not_affine(model, batches[0][0], layers)
    if engine == "ggn" and reasons:
        name, reason = next(iter(reasons.items()))
        raise InputError(f"layer {name}: the ggn engine is not exact here: {reason}; use engine='auto'")
    slow = [layer for layer in layers if engine == "double_backward" or layer.name in reasons]
    fast = [layer for layer in layers if layer not in slow]
    found = {}
    if fast:
        visitor = GGNCurvature(fast, directions)
        sweep(model, loss, batches, fast, [visitor])
        found |= visitor.result()
    if slow:
        n_samples = sum(len(inputs) for inputs, _ in batches)
        values = double_backward_curvature(model, loss, batches, directions, slow)
        found |= {name: LayerCurvature(h, None, n_samples, "double_backward") for name, h in values.items()}
    return {name: found[name] for name in directions}
