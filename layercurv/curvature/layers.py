"""The weight layers of a network, its other parameters, and their matrix view.

Shapes: m outputs, n inputs per output; W is m x n.
"""

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import nn

from layercurv.errors import InputError

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class WeightLayer:
    """A linear or convolution layer: y = W a (+ bias) wherever the weight is applied, with W of shape (m, n).

    Or any other parameter of a module: its first axis counts as m, the rest as n. What is measured of a layer whose
    weight is computed (weight or spectral normalisation, pruning, a parametrization) is with respect to the weight it
    applies; the parameters it is computed from are measured by their own names.
    """

    name: str
    module: nn.Module
    attribute: str = "weight"  # of the module

    @property
    def kind(self) -> str:
        """Either "conv", "linear" or, for any other parameter, "parameter"."""
        if not _is_weight_layer(self.module) or self.attribute != "weight":
            return "parameter"
        return "conv" if isinstance(self.module, _CONVOLUTIONS) else "linear"

    @property
    def weight(self) -> nn.Parameter:
        """The weight as the module holds it."""
        return getattr(self.module, self.attribute)

    @property
    def is_transposed(self) -> bool:
        """Whether the module holds the transpose of W, as `Conv1D` of transformers' GPT-2 does."""
        return self.attribute == "weight" and _is_transformers_conv1d(self.module)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n): outputs, and inputs per output (in / groups * kh * kw for a convolution)."""
        if self.is_transposed:
            return self.weight.shape[1], self.weight.shape[0]
        return (self.weight.shape[0] if self.weight.dim() else 1), math.prod(self.weight.shape[1:])

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
        return matrices.reshape((*matrices.shape[:-2], *self.weight.shape))


def weight_layers(model: nn.Module, names: list[str] | str | None = None) -> list[WeightLayer]:
    """List the linear and convolution layers of a network in the order it registers them.

    These are `nn.Linear`, `nn.Conv1d/2d/3d` (grouped and depthwise too) and the `Conv1D` of transformers. All other
    parameters are listed by `parameters`.

    Args:
        model: The network.
        names: Keep these layers only, names or patterns such as "blocks.*.attn.*"; None keeps all.

    Returns:
        The layers.

    Raises:
        InputError: If there is none, or a name is unknown.
    """
    found = _weight_layers(model)
    if not found:
        raise InputError(f"{type(model).__name__}: expected at least one nn.Linear or nn.Conv layer, found none")
    return _chosen(found, names, "weight layer")


def parameters(model: nn.Module, names: list[str] | str | None = None) -> list[WeightLayer]:
    """List any parameters of a network: biases, embeddings, normalisation, packed attention, recurrent weights.

    Args:
        model: The network.
        names: As `model.named_parameters()` names them, or patterns such as "*.bias"; None keeps all.

    Returns:
        The parameters, in the order of the network; one that is shared is listed once, and has each of its names.

    Raises:
        InputError: If a name is unknown.
    """
    return _chosen(_parameters(model), names, "parameter", _parameters(model, remove_duplicate=False))


def layers_or_parameters(model: nn.Module, names: list[str]) -> list[WeightLayer]:
    """Find what names stand for: a weight layer, else a parameter.

    Args:
        model: The network.
        names: Of layers or parameters.

    Returns:
        One entry for each name.

    Raises:
        InputError: If a name is neither.
    """
    layers, others = _weight_layers(model), _parameters(model, remove_duplicate=False)
    for name in names:
        if name not in layers and name not in others:
            known = ", ".join(layers) or "none"
            raise InputError(f"no weight layer or parameter {name!r}; the network's layers: {known}")
    return [layers.get(name) or others[name] for name in names]


def require_module(model: nn.Module) -> None:
    """Raise if a network is no module.

    Args:
        model: The network.

    Raises:
        InputError: Saying what it is.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model: expected an nn.Module, got {type(model).__name__}; wrap a function in one")


def _weight_layers(model: nn.Module) -> dict[str, WeightLayer]:
    require_module(model)
    return {name: WeightLayer(name, module) for name, module in model.named_modules() if _is_weight_layer(module)}


def _parameters(model: nn.Module, remove_duplicate: bool = True) -> dict[str, WeightLayer]:
    require_module(model)
    found, modules = {}, dict(model.named_modules(remove_duplicate=remove_duplicate))
    for name, parameter in model.named_parameters(remove_duplicate=remove_duplicate):
        if parameter.is_floating_point():
            owner, _, attribute = name.rpartition(".")
            found[name] = WeightLayer(name, modules[owner], attribute)
    return found


def _chosen(found: dict[str, WeightLayer], names, what: str, named: dict | None = None) -> list[WeightLayer]:
    # `named` has all names of what is found under one; patterns fit the latter.
    if names is None:
        return list(found.values())
    named, chosen = named or found, {}
    for name in [names] if isinstance(names, str) else names:
        matching = [name] if name in named else [known for known in found if fnmatchcase(known, name)]
        if not matching:
            raise InputError(f"no {what} {name!r}; the network has: {', '.join(found)}")
        chosen |= {match: named[match] for match in matching}
    return list(chosen.values()) or list(found.values())


def _is_weight_layer(module: nn.Module) -> bool:
    return isinstance(module, (nn.Linear, *_CONVOLUTIONS)) or _is_transformers_conv1d(module)


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
