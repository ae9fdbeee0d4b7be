"""What figures that compare networks share: kinds of layer, exponents by kind, and the spread between seeds."""

import numpy as np

from layercurv.fits import alpha_without_first, fit_alpha, mean_interval
from layercurv.results.headlines import role

# Role of a layer -> name, in the order of drawing.
ROLE_NAMES = {
    "conv": "convolutions",
    "attention_qkv": "attention: query, key, value",
    "attention_projection": "attention: output projection",
    "mlp_up": "MLP up-projections",
    "mlp_gate": "MLP gates",
    "mlp_down": "MLP down-projections",
    "linear": "hidden layers of a perceptron",
    "head": "output heads",
}


def layers_of_role(record: dict, name: str) -> list[dict]:
    """Pick the layers of one kind that have an exponent.

    Args:
        record: A record with the measurements of alpha_map.
        name: A key of `ROLE_NAMES`.

    Returns:
        Layer entries in network order; those with fewer than three usable directions are left out.
    """
    layers = record["measurements"]["layers"]
    return [layer for layer in layers if layer["fits"] and role_in(layer, layers) == name]


def role_in(layer: dict, layers: list[dict]) -> str:
    """Say what a layer does in its network.

    Args:
        layer: A layer entry.
        layers: All of the network, in its order.

    Returns:
        A key of `ROLE_NAMES`; a perceptron's layers bear numbers only, and its head is the last.
    """
    return "head" if layer is layers[-1] and role(layer) == "linear" else role(layer)


def exponents(layers: list[dict]) -> np.ndarray:
    """Fit alpha of each layer from its raw lists.

    Args:
        layers: Layer entries.

    Returns:
        Shape [layers].
    """
    return np.array([fit_alpha(*_lists(layer))["slope"] for layer in layers])


def change_without_first(layers: list[dict]) -> np.ndarray:
    """Say what alpha gains where the direction of the largest singular value is left out.

    Args:
        layers: Layer entries.

    Returns:
        alpha without k = 1 minus alpha with it, shape [layers].
    """
    return np.array([alpha_without_first(*_lists(layer))["slope"] for layer in layers]) - exponents(layers)


def _lists(layer: dict) -> tuple[list, list, list]:
    return layer["singular_values"], layer["curvatures"], layer["is_null"]


def seed_interval(values: list[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean over seeds.

    Args:
        values: One value per seed.

    Returns:
        Low and high end; None for fewer than three seeds.
    """
    return mean_interval(values) if len(values) > 2 else None
