"""State on disk: written atomically, read back without unpickling code."""

import hashlib
import pickle
from pathlib import Path

import torch
from torch import nn

from layercurv.errors import InputError
from layercurv.files import atomic_path


def save_checkpoint(path: Path, state: dict, fingerprint: str) -> None:
    """Write a checkpoint; a reader sees the one before or this one, never a part.

    Args:
        path: The file to create or replace.
        state: Tensors and plain values, nested in dictionaries and lists.
        fingerprint: Hash of the configuration the state belongs to.
    """
    with atomic_path(path) as temporary:
        torch.save({"fingerprint": fingerprint, "state": state}, temporary)


def load_checkpoint(path: Path, fingerprint: str, device: torch.device) -> dict | None:
    """Read a checkpoint if there is one.

    Args:
        path: The file.
        fingerprint: Hash of the configuration that wants to go on from it.
        device: Where tensors are put.

    Returns:
        The state, or None if the file does not exist.

    Raises:
        InputError: If the file is damaged or belongs to another configuration.
    """
    if not Path(path).exists():
        return None
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        found, state = saved["fingerprint"], saved["state"]
    except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path}: expected a checkpoint of this project, got {error.__class__.__name__}; delete it to start again"
        ) from error
    if found != fingerprint:
        raise InputError(
            f"{path}: this checkpoint was made with another configuration ({found[:12]}, now {fingerprint[:12]}); "
            "delete it to start again, or give the run another name with variant=NAME"
        )
    return state


def weights_checksum(model: nn.Module) -> str:
    """Hash all parameters and buffers, so that two measurements can be told to be of one network.

    Args:
        model: The network.

    Returns:
        SHA-256 of names, types, shapes and bytes, in the order the network registers them.
    """
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
