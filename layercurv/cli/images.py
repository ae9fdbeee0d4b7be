"""Pictures as a network takes them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from layercurv.errors import InputError

CROP_SHARE = 224 / 256  # of the resized picture's shorter side, as in torchvision's evaluation
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def class_folders(folder: Path) -> tuple[list[Path], list[int]]:
    """List pictures in one folder per class; classes are numbered in the order of their folders' names.

    Args:
        folder: Holds the folders.

    Returns:
        The files, and their classes.

    Raises:
        InputError: If there are none.
    """
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [
        (file, label)
        for label, path in enumerate(classes)
        for file in sorted(path.iterdir())
        if file.suffix.lower() in ENDINGS
    ]
    if not found:
        raise InputError(f"--data {folder}: expected one folder of pictures per class, or Parquet files, found neither")
    return [file for file, _ in found], [label for _, label in found]


def image_batch(pictures: list[Any], size: int | None, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    """Decode, resize, crop at the centre and normalise pictures.

    Args:
        pictures: Files, or dictionaries with encoded `bytes`.
        size: Height and width, pixels; None leaves them as they are.
        mean: Per channel, of pixels scaled to [0, 1].
        std: Likewise.

    Returns:
        [n, 3, height, width] float32.

    Raises:
        InputError: If one cannot be read, or sizes differ.
    """
    pixels = [_decoded(picture, size) for picture in pictures]
    if len({array.shape for array in pixels}) > 1:
        raise InputError("the pictures differ in size, and the network does not say which it wants: give --image-size")
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    return (images - torch.tensor(mean).view(1, -1, 1, 1)) / torch.tensor(std).view(1, -1, 1, 1)


def _decoded(picture: Any, size: int | None) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(picture["bytes"]) if isinstance(picture, dict) else picture) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"cannot read a picture: {error}") from error
    if size is None or image.size == (size, size):
        return np.asarray(image)
    scale = size / CROP_SHARE / min(image.size)
    image = image.resize([max(size, round(side * scale)) for side in image.size], Image.Resampling.BILINEAR)
    left, top = ((side - size) // 2 for side in image.size)
    return np.asarray(image.crop((left, top, left + size, top + size)))
