"""Micro-batches from a file, a folder or a data set by name."""

import argparse
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import torch

from layercurv.cli.images import class_folders, image_batch
from layercurv.cli.network import Network
from layercurv.cli.text import windows
from layercurv.curvature.objective import told
from layercurv.errors import InputError
from layercurv.measure.progress import LOGGER

DEFAULT_SAMPLES, DEFAULT_CONTEXT = 256, 128
Batches = list[tuple[torch.Tensor, torch.Tensor]]


def load_samples(name: str, network: Network, options: argparse.Namespace) -> Batches:
    """Load samples and draw as many as are asked for.

    Args:
        name: A file, a folder, or a data set's name.
        network: What they are prepared for.
        options: `samples`, `micro_batch`, `split`, `image_size`, `context` and `seed`.

    Returns:
        Micro-batches of inputs and targets.

    Raises:
        InputError: If there are no such samples, too few of them, or they cannot be downloaded.
    """
    inputs, targets = _inputs_and_targets(name, network, options)
    return list(zip(inputs.split(options.micro_batch), targets.split(options.micro_batch), strict=True))


def drawn(count: int, options: argparse.Namespace) -> list[int]:
    """Draw samples without replacement.

    Args:
        count: How many there are.
        options: `samples`, how many are wanted (None takes 256, or all where there are fewer), and `seed`.

    Returns:
        Their indices.

    Raises:
        InputError: If there are fewer than wanted.
    """
    wanted = options.samples or min(DEFAULT_SAMPLES, count)
    if wanted > count:
        raise InputError(f"--samples {options.samples}: {options.data} has {count}")
    if wanted < (options.samples or DEFAULT_SAMPLES):
        LOGGER.info("%s has %d samples: all of them are taken", options.data, count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(options.seed))[:wanted].tolist()


def _inputs_and_targets(name: str, network: Network, options: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    below = Path(os.environ.get("LAYERCURV_DATA", "")) / name
    path = Path(name) if Path(name).exists() or "LAYERCURV_DATA" not in os.environ else below
    if path.suffix == ".txt" and path.is_file():
        with told(f"--data {path}: expected a text in UTF-8"):
            text = path.read_text(encoding="utf-8")
        return _texts(text, network, options)
    if path.is_file():
        inputs, targets = _tensors(path)
        chosen = drawn(len(targets), options)
        is_text = not inputs.is_floating_point() and hasattr(getattr(network.model, "config", None), "vocab_size")
        return (inputs.long() if is_text else inputs)[chosen], targets[chosen]
    if path.is_dir() and not any(path.glob("*.parquet")):
        pictures, labels = class_folders(path)
        return _pictures(pictures, labels, network, options)
    if name.startswith((".", "/", "~")) or Path(name).suffix in (".pt", ".pth", ".npz", ".txt"):
        raise InputError(f"--data {name}: no such file or folder")
    return _rows(_table(name, path, options.split), network, options)


def _tensors(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    wanted = "inputs and targets, two arrays of one length"
    try:
        with told(f"--data {path}: expected {wanted}", but=pickle.UnpicklingError):
            loaded: Any = np.load(path) if path.suffix == ".npz" else torch.load(path, weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"--data {path}: expected {wanted}, found other objects than tensors") from error
    if isinstance(loaded, (tuple, list)) and len(loaded) == 2:
        loaded = {"inputs": loaded[0], "targets": loaded[1]}
    try:
        inputs, targets = (torch.as_tensor(loaded[key]) for key in ("inputs", "targets"))
    except (KeyError, TypeError, IndexError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(f"--data {path}: expected {wanted}, got {type(loaded).__name__}: {error}") from error
    shapes = f"shapes {list(inputs.shape)} and {list(targets.shape)}"
    if not inputs.ndim or not targets.ndim or not len(inputs) or len(inputs) != len(targets):
        raise InputError(f"--data {path}: expected {wanted}, at least one sample, got {shapes}")
    if targets.is_floating_point() and not torch.equal(targets, targets.round()):
        raise InputError(f"--data {path}: expected class labels as targets, got {targets.dtype} that are no integers")
    return inputs, targets.long()


def _table(name: str, folder: Path, split: str) -> Any:
    import datasets

    datasets.disable_progress_bars()
    huggingface_hub.utils.logging.set_verbosity_error()  # its retry notices would bury the one message
    if folder.is_dir():
        files = sorted(str(file) for file in folder.glob(f"{split}-*.parquet"))
        if not files:
            known = ", ".join(sorted({file.name.partition("-")[0] for file in folder.glob("*.parquet")}))
            raise InputError(f"--split {split}: {folder} has no files {split}-*.parquet; its splits: {known}")
        return datasets.Dataset.from_parquet(files)
    try:
        return datasets.load_dataset(name, split=split)
    except (ConnectionError, OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise InputError(
            f"--data {name} is neither a file or folder here or below $LAYERCURV_DATA, nor to be had from the hub "
            f"({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error


def _rows(table: Any, network: Network, options: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    columns = table.column_names
    if "text" in columns:
        return _texts("".join(table["text"]), network, options)
    images = [column for column in ("image", "img", "png", "jpg") if column in columns]
    labels = [column for column in ("label", "fine_label", "labels", "cls") if column in columns]
    if not images or not labels:
        raise InputError(f"--data {options.data}: expected columns text, or image and label, got {', '.join(columns)}")
    import datasets

    encoded = table.cast_column(images[0], datasets.Image(decode=False))
    return _pictures(encoded[images[0]], table[labels[0]], network, options)


def _pictures(
    pictures: Any, labels: Any, network: Network, options: argparse.Namespace
) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = drawn(len(labels), options)
    size = options.image_size or network.image_size
    inputs = image_batch([pictures[i] for i in chosen], size, network.mean, network.std)
    return inputs, torch.tensor([int(labels[i]) for i in chosen])


def _texts(text: str, network: Network, options: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, targets = windows(text, network.tokenizer, _context(network, options.context))
    chosen = drawn(len(inputs), options)
    return inputs[chosen], targets[chosen]


def _context(network: Network, wanted: int | None) -> int:
    config = getattr(network.model, "config", None)
    most: int | None = getattr(config, "max_position_embeddings", None)  # transformers' GPT-2 answers to it too
    if wanted is not None and most is not None and wanted > most:
        raise InputError(f"--context {wanted}: the network takes at most {most} tokens")
    return wanted or min(DEFAULT_CONTEXT, most or DEFAULT_CONTEXT)
