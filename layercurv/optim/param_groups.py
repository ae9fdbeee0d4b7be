"""Parameter groups of a network: one per layer's weight, one for all the rest."""

import numpy as np
from torch import nn

from layercurv.errors import InputError, choose
from layercurv.optim.layer_weights import is_transposed, layer_weights, other_parameters

SPECTRAL_OPTIONS = ("lr", "damping", "momentum", "nesterov", "weight_decay")
ADAMW_OPTIONS = ("lr", "betas", "eps", "weight_decay")


def spectral_groups(
    model: nn.Module, alpha: float | dict[str, float], *, adamw: dict | None = None, **options
) -> list[dict]:
    """Split a network for `SpectralNewton`.

    Args:
        model: The network.
        alpha: Curvature exponent of all layers, or layer name to exponent.
        adamw: Options of the AdamW group: lr, betas, eps, weight_decay; those left out are the optimiser's.
        **options: Options of all spectral groups: lr, damping, momentum, nesterov, weight_decay; likewise.

    Returns:
        One spectral group per weight of `layer_weights`, with the layer's name under "name"; then, if anything is left
        (biases, norms, embeddings), one AdamW group.

    Raises:
        InputError: If alpha misses a layer, or an option is unknown.
    """
    adamw = adamw or {}
    for given, known in ((options, SPECTRAL_OPTIONS), (adamw, ADAMW_OPTIONS)):
        for key in given:
            choose("option", key, dict.fromkeys(known))
    layers = layer_weights(model)
    alphas = _per_layer("alpha", alpha, layers) if isinstance(alpha, dict) else dict.fromkeys(layers, alpha)
    groups = [
        {
            "params": [layer.weight],
            "name": name,
            "spectral": True,
            "is_transposed": is_transposed(layer),
            "alpha": alphas[name],
            **options,
        }
        for name, layer in layers.items()
    ]
    others = other_parameters(model)
    return groups + ([{"params": others, "spectral": False, **adamw}] if others else [])


def scaled_groups(
    model: nn.Module, exponents: dict[str, float], beta: float, control: str, learning_rate: float, seed: int
) -> list[dict]:
    """Scale the learning rate of each layer by a power of its exponent s, for `torch.optim.Adam`.

    Args:
        model: The network.
        exponents: Layer name to s, positive.
        beta: Power.
        control: "direct": factor (s / mean s)^beta, the mean over layers; "inverse": (s / mean s)^-beta; "random": the
            direct factors, permuted over the layers.
        learning_rate: Rate at factor 1, which all parameters but the layers' weights have.
        seed: Of the permutation.

    Returns:
        One group per weight of `layer_weights`, with the layer's name under "name"; then, if anything is left, one
        group of the rest.

    Raises:
        InputError: If s is missing for a layer or not positive, or the control is unknown.
    """
    layers = layer_weights(model)
    s = np.array(list(_per_layer("exponents", exponents, layers).values()))
    for name, value in zip(layers, s, strict=True):
        if not 0 < value < np.inf:
            raise InputError(f"exponents: expected a positive number for layer {name!r}, got {value}")
    direct = (s / s.mean()) ** beta
    controls = {
        "direct": direct,
        "inverse": 1 / direct,
        "random": np.random.default_rng(seed).permutation(direct),
    }
    factors = choose("control", control, controls)
    groups = [
        {"params": [layer.weight], "name": name, "lr": learning_rate * float(factor)}
        for (name, layer), factor in zip(layers.items(), factors, strict=True)
    ]
    others = other_parameters(model)
    return groups + ([{"params": others, "lr": learning_rate}] if others else [])


def _per_layer(what: str, values: dict[str, float], layers: dict[str, nn.Module]) -> dict[str, float]:
    # In the order of the layers; entries for other names are ignored.
    for name in layers:
        if name not in values:
            raise InputError(f"{what}: expected a value for layer {name!r}, got only: {', '.join(values) or 'nothing'}")
    return {name: values[name] for name in layers}
