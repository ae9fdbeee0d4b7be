"""Which parameters are the weight matrices of layers, and their view as [m, n]: outputs, inputs per output."""

import torch
from torch import nn

from layercurv.errors import InputError

_WEIGHT_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def layer_weights(model: nn.Module) -> dict[str, nn.Module]:
    """List the linear and convolution layers of a network in the order it registers them.

    These are `nn.Linear`, `nn.Conv1d/2d/3d` (grouped and depthwise too) and the `Conv1D` of transformers. Embeddings,
    transposed convolutions and the packed input projection of `nn.MultiheadAttention` are left out. Of layers that
    share a weight the first is listed; a head that shares its weight with an embedding is listed.

    Args:
        model: The network.

    Returns:
        Layer name to module.

    Raises:
        InputError: If there is none.
    """
    found, seen = {}, set()
    for name, module in model.named_modules():
        if (isinstance(module, _WEIGHT_LAYERS) or is_transposed(module)) and id(module.weight) not in seen:
            seen.add(id(module.weight))
            found[name] = module
    if not found:
        raise InputError(f"{type(model).__name__}: expected at least one nn.Linear or nn.Conv layer, found none")
    return found


def other_parameters(model: nn.Module) -> list[nn.Parameter]:
    """List the parameters that are no layer's weight: biases, norms, embeddings.

    Args:
        model: The network.

    Returns:
        The parameters in the order of registration.
    """
    weights = {id(module.weight) for module in layer_weights(model).values()}
    return [parameter for parameter in model.parameters() if id(parameter) not in weights]


def is_transposed(module: nn.Module) -> bool:
    """Tell whether a layer holds the transpose of its weight matrix, as `Conv1D` of transformers' GPT-2 does.

    Args:
        module: Any module.

    Returns:
        Whether it does.
    """
    # By name, so that transformers need not be installed.
    return any((c.__module__, c.__name__) == ("transformers.pytorch_utils", "Conv1D") for c in type(module).__mro__)


def to_matrix(weight: torch.Tensor, transposed: bool) -> torch.Tensor:
    """View a weight, or its gradient, as a matrix.

    Args:
        weight: As the layer holds it, two dimensions or more; for a convolution [out, in / groups, *kernel].
        transposed: Whether the layer holds the transpose.

    Returns:
        [m, n]; shares storage where strides allow, so not with a convolution in channels-last format.
    """
    return weight.T if transposed else weight.reshape(weight.shape[0], -1)


def from_matrix(matrix: torch.Tensor, shape: torch.Size, transposed: bool) -> torch.Tensor:
    """Undo `to_matrix`.

    Args:
        matrix: [m, n].
        shape: Shape of the weight.
        transposed: Whether the layer holds the transpose.

    Returns:
        A tensor of that shape.
    """
    return matrix.T if transposed else matrix.reshape(shape)
