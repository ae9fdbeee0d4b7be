"""The weight layers of a network and their matrix view.

Shapes: N samples, L positions (output pixels of a convolution, 1 for a linear layer on vectors), m outputs, n inputs
of the weight matrix, K directions.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from layercurv.errors import InputError


@dataclass(frozen=True)
class WeightLayer:
    """A linear or 2-d convolution layer seen as y_l = W a_l (+ bias) at each position l, with W of shape (m, n)."""

    name: str
    module: nn.Linear | nn.Conv2d

    @property
    def kind(self) -> str:
        """Either "conv" or "linear"."""
        return "conv" if isinstance(self.module, nn.Conv2d) else "linear"

    @property
    def weight(self) -> nn.Parameter:
        """The weight as the module holds it."""
        return self.module.weight

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n): outputs, and inputs per output (in * kh * kw for a convolution)."""
        return self.weight.shape[0], math.prod(self.weight.shape[1:])

    def project_inputs(self, inputs: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Return v_k . a_l for all samples, positions and directions, without building the patches a_l.

        Args:
            inputs: What the module was called with.
            right: Columns v_k, shape [n, K].

        Returns:
            [N, L, K].
        """
        if self.kind == "linear":
            return _flatten_positions(inputs @ right)
        kernels = right.T.reshape(-1, *self.weight.shape[1:])
        conv = self.module
        return _positions_first(F.conv2d(inputs, kernels, None, conv.stride, conv.padding, conv.dilation))

    def input_columns(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return a_l itself: the input vector (im2col patch) at each position.

        Args:
            inputs: What the module was called with.

        Returns:
            [N, L, n].
        """
        if self.kind == "linear":
            return _flatten_positions(inputs)
        conv = self.module
        padded = F.pad(inputs, conv._reversed_padding_repeated_twice)
        return F.unfold(padded, conv.kernel_size, conv.dilation, 0, conv.stride).transpose(1, 2)

    def output_columns(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the module's output, or a gradient of its shape, position by position.

        Args:
            outputs: [N, m, height, width] or [N, ..., m].

        Returns:
            [N, L, m].
        """
        return _flatten_positions(outputs) if self.kind == "linear" else _positions_first(outputs)


def weight_layers(model: nn.Module, names: list[str] | None = None) -> list[WeightLayer]:
    """List the linear and 2-d convolution layers of a network in the order it registers them.

    Args:
        model: The network.
        names: Keep these layers only; None keeps all.

    Returns:
        The layers, biases left out.

    Raises:
        InputError: If there is none, a name is unknown, or a layer is of a kind that cannot be measured (grouped
            convolution, padding other than zeros).
    """
    found = {
        name: WeightLayer(name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }
    if not found:
        raise InputError(f"{type(model).__name__}: expected at least one nn.Linear or nn.Conv2d layer, found none")
    unknown = [name for name in names or [] if name not in found]
    if unknown:
        raise InputError(f"no weight layer {unknown[0]!r}; the network has: {', '.join(found)}")
    layers = [found[name] for name in (names or found)]
    for layer in layers:
        _require_measurable(layer)
    return layers


def _require_measurable(layer: WeightLayer) -> None:
    conv = layer.module
    if layer.kind == "linear":
        return
    if conv.groups != 1:
        raise InputError(f"layer {layer.name}: expected a convolution with groups=1, got groups={conv.groups}")
    if conv.padding_mode != "zeros":
        raise InputError(f"layer {layer.name}: expected padding_mode='zeros', got {conv.padding_mode!r}")


def _flatten_positions(features_last: torch.Tensor) -> torch.Tensor:
    # [N, ..., c] -> [N, L, c]
    return features_last.reshape(features_last.shape[0], -1, features_last.shape[-1])


def _positions_first(image: torch.Tensor) -> torch.Tensor:
    # [N, c, height, width] -> [N, L, c]; no copy for channels-last memory
    return image.permute(0, 2, 3, 1).flatten(1, 2)
