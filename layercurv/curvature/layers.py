"""The weight layers of a network and their matrix view.

Shapes: m outputs, n inputs per output; W is m x n.
"""

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from layercurv.errors import InputError

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class WeightLayer:
    """A linear or convolution layer: y = W a (+ bias) wherever the weight is applied, with W of shape (m, n)."""

    name: str
    module: nn.Module

    @property
    def kind(self) -> str:
        """Either "conv" or "linear"."""
        return "conv" if isinstance(self.module, _CONVOLUTIONS) else "linear"

    @property
    def weight(self) -> nn.Parameter:
        """The weight as the module holds it."""
        return self.module.weight

    @property
    def is_transposed(self) -> bool:
        """Whether the module holds the transpose of W, as `Conv1D` of transformers' GPT-2 does."""
        return _is_transformers_conv1d(self.module)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n): outputs, and inputs per output (in / groups * kh * kw for a convolution)."""
        if self.is_transposed:
            return self.weight.shape[1], self.weight.shape[0]
        return self.weight.shape[0], math.prod(self.weight.shape[1:])

    def to_matrix(self, weight: torch.Tensor) -> torch.Tensor:
        """View a tensor shaped like the weight as a matrix.

        Args:
            weight: The weight or its gradient, as the module holds it.

        Returns:
            [m, n].
        """
        return weight.T if self.is_transposed else weight.reshape(self.shape)

    def from_matrix(self, matrices: torch.Tensor) -> torch.Tensor:
        """Undo `to_matrix`.

        Args:
            matrices: [..., m, n].

        Returns:
            [..., *weight.shape].
        """
        if self.is_transposed:
            return matrices.mT
        return matrices.reshape(*matrices.shape[:-2], *self.weight.shape)


def weight_layers(model: nn.Module, names: list[str] | None = None) -> list[WeightLayer]:
    """List the linear and convolution layers of a network in the order it registers them.

    These are `nn.Linear`, `nn.Conv1d/2d/3d` (grouped and depthwise too) and the `Conv1D` of transformers. Biases,
    embeddings, normalisation weights, transposed convolutions and the packed input projection of
    `nn.MultiheadAttention` are left out.

    Args:
        model: The network.
        names: Keep these layers only; None keeps all.

    Returns:
        The layers.

    Raises:
        InputError: If there is none, or a name is unknown.
    """
    found = {
        name: WeightLayer(name, module)
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, *_CONVOLUTIONS)) or _is_transformers_conv1d(module)
    }
    if not found:
        raise InputError(f"{type(model).__name__}: expected at least one nn.Linear or nn.Conv layer, found none")
    unknown = [name for name in names or [] if name not in found]
    if unknown:
        raise InputError(f"no weight layer {unknown[0]!r}; the network has: {', '.join(found)}")
    return [found[name] for name in (names or found)]


@contextmanager
def differentiable(layers: list[WeightLayer]) -> Generator[None]:
    """Let the layers' weights require gradients; restores each flag.

    Args:
        layers: The layers.

    Yields:
        None.
    """
    flags = [(layer.weight, layer.weight.requires_grad) for layer in layers]
    try:
        for weight, _ in flags:
            weight.requires_grad_(True)
        yield
    finally:
        for weight, flag in flags:
            weight.requires_grad_(flag)


def _is_transformers_conv1d(module: nn.Module) -> bool:
    # By name, so that transformers need not be installed.
    return any((c.__module__, c.__name__) == ("transformers.pytorch_utils", "Conv1D") for c in type(module).__mro__)
