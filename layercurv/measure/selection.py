"""Which layers of a network are measured: names with wildcards."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from layercurv.curvature import WeightLayer, weight_layers
from layercurv.curvature.layers import parameters
from layercurv.errors import InputError


def matching_layers(model: nn.Module, patterns: str | Sequence[str] = "*") -> list[WeightLayer]:
    """List the weight layers whose name fits a pattern.

    Args:
        model: The network.
        patterns: One or several, such as "blocks.*.attn.*"; "!head" leaves out what the others chose. One that fits no
            weight layer is tried on all parameters: "*.bias", "attn.in_proj_weight".

    Returns:
        The layers, in the order the network registers them, then other parameters.

    Raises:
        InputError: If a pattern fits nothing, the message lists all layers; or if nothing is left.
    """
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    left_out = [pattern[1:] for pattern in wanted if pattern.startswith("!")]
    chosen = [pattern for pattern in wanted if not pattern.startswith("!")] or ["*"]
    layers = _layers(model, is_named=chosen != ["*"])
    named = {layer.name: layer for layer in layers}
    if any(not _fit(named, pattern) for pattern in chosen):
        named |= {parameter.name: parameter for parameter in parameters(model) if _is_other(parameter, named)}
    for pattern in chosen:
        if not _fit(named, pattern):
            known = ", ".join(layer.name for layer in layers) or f"none, and the parameters {', '.join(named)}"
            raise InputError(f"layers: no weight layer fits {pattern!r}; the network has: {known}")
    names = {name for pattern in chosen for name in _fit(named, pattern)}
    names -= {name for pattern in left_out for name in _fit(named, pattern)}
    if not names:
        raise InputError(f"layers: {', '.join(wanted)} leaves none")
    return [layer for name, layer in named.items() if name in names]


def _layers(model: nn.Module, is_named: bool) -> list[WeightLayer]:
    # A network without any may have parameters that are asked for by name.
    try:
        found: list[WeightLayer] = weight_layers(model)
    except InputError:
        if not is_named or not isinstance(model, nn.Module):
            raise
        return []
    return found


def _fit(named: dict[str, WeightLayer], pattern: str) -> list[str]:
    # A pattern that fits weight layers means these alone.
    fitting = [name for name in named if fnmatchcase(name, pattern)]
    layers = [name for name in fitting if named[name].kind != "parameter"]
    return layers or fitting


def _is_other(parameter: WeightLayer, layers: dict[str, WeightLayer]) -> bool:
    return not any(parameter.weight is layer.weight for layer in layers.values())
