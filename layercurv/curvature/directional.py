"""Directional curvature of many layers in one call."""

from collections.abc import Sequence

import torch
from torch import nn

from layercurv.curvature.directions import Directions
from layercurv.curvature.double_backward import double_backward_curvature
from layercurv.curvature.ggn import GGNCurvature, LayerCurvature
from layercurv.curvature.layers import weight_layers
from layercurv.curvature.losses import Loss
from layercurv.curvature.sweep import sweep
from layercurv.errors import choose


def directional_curvature(
    model: nn.Module,
    loss: Loss,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    directions: dict[str, Directions],
    engine: str,
) -> dict[str, LayerCurvature]:
    """Measure h_k = vec(u_k v_k^T)^T H vec(u_k v_k^T) for every layer that has directions.

    Args:
        model: The network, in eval mode.
        loss: The loss; its mean over all samples is what is differentiated.
        batches: Micro-batches (inputs, targets).
        directions: Layer name to directions.
        engine: "double_backward", exact for any network, or "ggn", far faster and exact under the condition stated
            in `layercurv.curvature.ggn`.

    Returns:
        Layer name to curvature.

    Example:
        >>> from layercurv.curvature import SquaredError, gradient_directions
        >>> model, x, y = torch.nn.Linear(2, 1, bias=False), torch.eye(2), torch.ones(2, 1)
        >>> found = gradient_directions(model, SquaredError(), [(x, y)], weight_layers(model), top_k=1)
        >>> h = directional_curvature(model, SquaredError(), [(x, y)], found, "ggn")[""].curvatures
        >>> round(h.item(), 6)  # v^T E[x x^T] v with E[x x^T] = I/2
        0.5
    """
    measure = choose("curvature engine", engine, ENGINES)
    return measure(model, loss, batches, directions)


def _by_ggn(model, loss, batches, directions) -> dict[str, LayerCurvature]:
    layers = weight_layers(model, list(directions))
    visitor = GGNCurvature(layers, directions)
    sweep(model, loss, batches, layers, [visitor])
    return visitor.result()


def _by_double_backward(model, loss, batches, directions) -> dict[str, LayerCurvature]:
    layers = weight_layers(model, list(directions))
    n_samples = sum(len(inputs) for inputs, _ in batches)
    found = double_backward_curvature(model, loss, batches, directions, layers)
    return {name: LayerCurvature(h, None, n_samples) for name, h in found.items()}


ENGINES = {"double_backward": _by_double_backward, "ggn": _by_ggn}
