"""Weights in a file, and the architecture they belong to."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layercurv.curvature.objective import told
from layercurv.errors import InputError, shown
from layercurv.models.vision_import import torchvision

WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys under which training loops keep weights
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and torch.compile


def state_dict_of(path: Path, loaded: Any = None) -> dict[str, torch.Tensor]:
    """Take the weights out of a file.

    Args:
        path: The file.
        loaded: What `torch.load` returned; None reads safetensors.

    Returns:
        Names to tensors.

    Raises:
        InputError: If there are none.
    """
    if loaded is None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            loaded = load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path}: expected safetensors, got {error}") from error
    for key in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded or not all(torch.is_tensor(x) for x in loaded.values()):
        raise InputError(f"{path}: expected a state dict (names to tensors), got {shown(type(loaded).__name__)}")
    weights = dict(loaded)
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def build_architecture(name: str, weights: dict[str, torch.Tensor]) -> nn.Module:
    """Build the network that a state dict belongs to.

    Args:
        name: A model name of torchvision, with as many classes as the last weight has rows; or
            "package.module:function", called without arguments.
        weights: The state dict.

    Returns:
        The network, with weights to be replaced.

    Raises:
        InputError: If there is no such architecture.
    """
    if ":" in name:
        return _imported(name)
    if name not in torchvision.models.list_models():
        raise InputError(
            f"--architecture: expected a model name of torchvision or package.module:function, got {name!r}"
        )
    matrices = [value for value in weights.values() if value.dim() in (2, 4)]
    if not matrices:
        raise InputError(f"--architecture {name}: expected a state dict with weight matrices, found none")
    model: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=len(matrices[-1]))
    return model


def _imported(name: str) -> nn.Module:
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
    try:
        with told(f"--architecture {name}"):
            model = getattr(importlib.import_module(module), function)()
    finally:
        sys.path.pop(0)
    if not isinstance(model, nn.Module):
        raise InputError(f"--architecture {name}: expected it to return an nn.Module, got {type(model).__name__}")
    return model


def load_weights(model: nn.Module, weights: dict[str, torch.Tensor], path: Path) -> None:
    """Load weights that must fit exactly.

    Args:
        model: The network.
        weights: The state dict.
        path: Where it comes from, for the message.

    Raises:
        InputError: If a name or shape does not fit.
    """
    names = model.state_dict().keys()
    if weights.keys() != names:
        # Of a network that was held as an attribute, such as Lightning's `self.model`.
        inner = {name.partition(".")[2]: value for name, value in weights.items()}
        is_one = len({name.partition(".")[0] for name in weights}) == 1
        weights = inner if is_one and inner.keys() == names else weights
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reasons = " ".join(line.strip() for line in str(error).splitlines()[1:])
        raise InputError(f"{path} does not fit {type(model).__name__}: {shown(reasons, 400)}") from error
