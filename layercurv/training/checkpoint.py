"""State on disk: written atomically, read back without unpickling code, checked for damage."""

import hashlib
import os
import pickle
from pathlib import Path

import torch
from torch import nn

from layercurv.errors import InputError
from layercurv.files import atomic_path, sha256_file

DIGEST_LENGTH = 64  # hexadecimal digits of SHA-256
END_OF_ZIP = 22  # bytes of a zip archive's last record, where it has no comment


def save_checkpoint(path: Path, state: dict, fingerprint: str) -> None:
    """Write a checkpoint; a reader sees the one before or this one, never a part.

    Args:
        path: The file to create or replace.
        state: Tensors and plain values, nested in dictionaries and lists.
        fingerprint: Hash of the configuration the state belongs to.

    Raises:
        OSError: If it cannot be written (`layercurv.files.WriteError`); the one before is as it was.
    """
    with atomic_path(path) as temporary:
        try:
            torch.save({"fingerprint": fingerprint, "state": state}, temporary)
        except RuntimeError as error:  # the answer of torch's writer to a full disk
            raise OSError("no room for all of it") from error
        _seal(temporary)


def load_checkpoint(path: Path, fingerprint: str, device: torch.device) -> dict | None:
    """Read a checkpoint if there is one; a damaged one is put aside, so that its work is done again.

    Args:
        path: The file.
        fingerprint: Hash of the configuration that wants to go on from it.
        device: Where tensors are put.

    Returns:
        The state, or None if the file does not exist or is damaged.

    Raises:
        InputError: If the file is something else, or belongs to another configuration.
    """
    path = Path(path)
    if not path.exists():
        return None
    if not path.is_file():
        raise InputError(f"{path}: expected a file for the checkpoint, found a folder or device; give another name")
    if not _is_whole(path):
        aside = put_aside(path, "damaged")
        print(f"{path}: damaged (truncated or altered bytes); put aside as {aside.name}, what it held is made again")
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
            "delete it to start again, or give the run another name (an experiment variant=NAME, the command --output)"
        )
    return state


def put_aside(path: Path, why: str) -> Path:
    """Rename a checkpoint so that nobody goes on from it.

    Args:
        path: The file; nothing happens if it is not there.
        why: One word, appended to its name.

    Returns:
        Its new name.
    """
    aside = path.with_name(f"{path.name}.{why}")
    if path.exists():
        path.replace(aside)
    return aside


def _seal(path: Path) -> None:
    # A checkpoint is a zip archive; the SHA-256 of all before it becomes the comment at its end. The archive's own
    # CRCs do not cover its headers, and one flipped bit there makes torch read memory nobody wrote.
    with path.open("r+b") as stream:
        stream.seek(-2, os.SEEK_END)
        stream.write(DIGEST_LENGTH.to_bytes(2, "little"))
    digest = sha256_file(path)
    with path.open("ab") as stream:
        stream.write(digest.encode())


def _is_whole(path: Path) -> bool:
    left = path.stat().st_size - DIGEST_LENGTH
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(max(0, left + DIGEST_LENGTH - END_OF_ZIP))
        if stream.read(4) == b"PK\5\6":
            return True  # no comment: written before there was a digest
        stream.seek(0)
        while left > 0:
            block = stream.read(min(left, 1 << 20))
            digest.update(block)
            left -= len(block)
        return stream.read() == digest.hexdigest().encode()


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
