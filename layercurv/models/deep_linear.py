"""Deep linear networks, and the same with an activation between layers."""

from itertools import pairwise

from torch import nn

from layercurv.errors import InputError, choose
from layercurv.models.sizes import require_positive

_ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}


def deep_linear(widths: list[int], activation: str) -> nn.Sequential:
    """Build a chain of linear layers without bias.

    Layer l is module 2 l of the chain whatever the activation, "linear" included.

    Args:
        widths: Inputs, the units of each hidden layer, outputs.
        activation: Between layers: "linear", "relu", or "leaky_relu" with slope 0.01 below zero.

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator; it maps
        [N, widths[0]] to [N, widths[-1]].

    Raises:
        InputError: If a width is not positive, there are fewer than two, or the activation is unknown.

    Example:
        >>> deep_linear([4, 3, 2], "relu")
        Sequential(
          (0): Linear(in_features=4, out_features=3, bias=False)
          (1): ReLU()
          (2): Linear(in_features=3, out_features=2, bias=False)
        )
    """
    require_positive(widths=widths)
    if len(widths) < 2:
        raise InputError(f"model.widths: expected inputs and outputs at least, got {list(widths)}")
    make_activation = choose("model.activation", activation, _ACTIVATIONS)
    layers = []
    for n_inputs, n_outputs in pairwise(widths):
        layers += [nn.Linear(n_inputs, n_outputs, bias=False), make_activation()]
    return nn.Sequential(*layers[:-1])
