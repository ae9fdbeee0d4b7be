"""Which layers of a network are measured: names with wildcards."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from layercurv.curvature import WeightLayer, weight_layers
from layercurv.errors import InputError


def matching_layers(model: nn.Module, patterns: str | Sequence[str] = "*") -> list[WeightLayer]:
    """List the weight layers whose name fits a pattern.

    Args:
        model: The network.
        patterns: One or several, such as "blocks.*.attn.*".

    Returns:
        The layers, in the order the network registers them.

    Raises:
        InputError: If a pattern fits no layer; the message lists all layers.
    """
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    layers = weight_layers(model)
    for pattern in patterns:
        if not any(fnmatchcase(layer.name, pattern) for layer in layers):
            known = ", ".join(layer.name for layer in layers)
            raise InputError(f"layers: no weight layer fits {pattern!r}; the network has: {known}")
    return [layer for layer in layers if any(fnmatchcase(layer.name, pattern) for pattern in patterns)]
