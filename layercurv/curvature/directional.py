"""Directional curvature of many layers in one call."""

from collections.abc import Sequence

import torch
from torch import nn

from layercurv.curvature.cost import plan
from layercurv.curvature.directions import Directions
from layercurv.curvature.double_backward import double_backward_curvature
from layercurv.curvature.ggn import GGNCurvature
from layercurv.curvature.layer_curvature import LayerCurvature
from layercurv.curvature.layers import WeightLayer, weight_layers
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.sweep import sweep
from layercurv.curvature.tangent import tangent_curvature
from layercurv.curvature.traced import TracedNetwork
from layercurv.errors import InputError

ENGINES = ("auto", "double_backward", "ggn", "tangent")


def directional_curvature(
    model: nn.Module,
    loss: Loss | nn.CrossEntropyLoss,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    directions: dict[str, Directions],
    engine: str = "auto",
    slopes: bool = False,
) -> dict[str, LayerCurvature]:
    """Measure h_k = vec(u_k v_k^T)^T H vec(u_k v_k^T) for every layer that has directions.

    Args:
        model: The network, in eval mode.
        loss: The loss; its mean over all samples is what is differentiated.
        batches: Micro-batches (inputs, targets).
        directions: Layer name to directions.
        engine: "double_backward", the reference, exact for any network; "ggn", for all layers at once, refused where it
            is not exact; "tangent", exact wherever every operation behind the layer has a rule; "auto", for each
            layer the cheapest of those that are exact (see `cost`).
        slopes: Whether to measure the per-sample slopes as well; free with "tangent", one backward pass with "ggn".

    Returns:
        Layer name to curvature; each says which engine measured it.

    Raises:
        InputError: If the engine is unknown or not exact for some layer, or directions do not fit a layer.

    Example:
        >>> from layercurv.curvature import SquaredError, gradient_directions
        >>> model, x, y = torch.nn.Linear(2, 1, bias=False), torch.eye(2), torch.ones(2, 1)
        >>> found = gradient_directions(model, SquaredError(), [(x, y)], weight_layers(model), top_k=1)
        >>> h = directional_curvature(model, SquaredError(), [(x, y)], found)[""].curvatures
        >>> round(h.item(), 6)  # v^T E[x x^T] v with E[x x^T] = I/2
        0.5
    """
    if engine not in ENGINES:
        raise InputError(f"unknown curvature engine {engine!r}; expected one of: {', '.join(ENGINES)}")
    if not batches:
        raise InputError("expected at least one micro-batch, got none")
    loss, layers = as_loss(loss), weight_layers(model, list(directions))
    for layer in layers:
        _require_fitting(layer, directions[layer.name])
    network = TracedNetwork(model, layers)
    engines = _engines(network, loss, batches[0][0], directions, engine)
    of = {name: [layer for layer in layers if engines[layer.name] == name] for name in ENGINES}
    found: dict[str, LayerCurvature] = {}
    if of["ggn"]:
        visitor = GGNCurvature(of["ggn"], directions, slopes)
        sweep(model, loss, batches, of["ggn"], [visitor], network=network)
        found |= visitor.result()
    if of["tangent"]:
        found |= tangent_curvature(network, loss, batches, directions, of["tangent"])
    if of["double_backward"]:
        found |= double_backward_curvature(model, loss, batches, directions, of["double_backward"])
    return {name: found[name] for name in directions}


def chosen_engines(
    model: nn.Module,
    loss: Loss | nn.CrossEntropyLoss,
    inputs: torch.Tensor,
    directions: dict[str, Directions],
    engine: str = "auto",
) -> dict[str, str]:
    """Say which engine `directional_curvature` would use for each layer.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        inputs: Of a micro-batch.
        directions: Layer name to directions.
        engine: As for `directional_curvature`.

    Returns:
        Layer name to engine.

    Raises:
        InputError: If the engine is not exact for some layer.
    """
    network = TracedNetwork(model, weight_layers(model, list(directions)))
    return _engines(network, as_loss(loss), inputs, directions, engine)


def _engines(network: TracedNetwork, loss: Loss, inputs, directions: dict[str, Directions], engine: str) -> dict:
    if engine == "double_backward":
        return dict.fromkeys(directions, engine)
    return plan(network.at(inputs), loss, directions, engine).engines


def _require_fitting(layer: WeightLayer, directions: Directions) -> None:
    K = len(directions.singular_values)
    expected = {"left": (layer.shape[0], K), "right": (layer.shape[1], K)}
    for side, shape in expected.items():
        got = getattr(directions, side)
        if tuple(got.shape) != shape:
            raise InputError(f"layer {layer.name}: expected {side} directions of shape {shape}, got {tuple(got.shape)}")
        if got.device != layer.weight.device:
            raise InputError(
                f"layer {layer.name}: expected directions on {layer.weight.device}, got them on {got.device}"
            )
