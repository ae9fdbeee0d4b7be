"""Photos for a network that is already trained: measured on, and tested on, never trained on."""

import io

import numpy as np
import torch
from PIL import Image

from layercurv.data.image_data import ImageData
from layercurv.data.images import encoded_images, shard_labels
from layercurv.data.shards import open_shards
from layercurv.errors import InputError

CROP_SHARE = 224 / 256  # of the resized image's shorter side, as in torchvision's evaluation


def load_photos(
    name: str,
    hub: str | None,
    split: str,
    image_column: str,
    label_column: str,
    n_classes: int,
    image_size: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    root: str | None = None,
) -> ImageData:
    """Load photos of any size, resized and cropped at their centre as torchvision's evaluation does.

    Args:
        name: Folder of the data set below `root`.
        hub: Name on the hub; None if it is not there.
        split: Name of the split with the photos.
        image_column: Column with the encoded photos.
        label_column: Column with integer labels.
        n_classes: Number of classes.
        image_size: Height and width after the crop, pixels.
        mean: Per-channel mean of pixels scaled to [0, 1], for normalisation.
        std: Per-channel standard deviation, likewise.
        root: Folder with MANIFEST.json; None downloads from the hub.

    Returns:
        The same photos as "training" images, which are measured on, and as test images.

    Raises:
        InputError: If shards are missing or altered, labels out of range, or the size is not positive.
    """
    if image_size < 1:
        raise InputError(f"data.image_size: expected a positive integer, got {image_size}")
    shards = open_shards(name, root, hub, {"test": split})
    labels = shard_labels(shards, "test", label_column, n_classes)
    arrays = [_center_crop(image["bytes"], image_size) for image in encoded_images(shards, "test", image_column)]
    pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()
    provenance = {
        "name": name,
        "source": shards.source,
        "shards_sha256": shards.checksums,
        "pixels_sha256": {},
        "n_lossy_train": 0,
        "n_train": len(pixels),
        "n_test": len(pixels),
    }
    exact = torch.ones(len(pixels), dtype=torch.bool)
    return ImageData(pixels, labels, pixels, labels, exact, tuple(mean), tuple(std), n_classes, provenance)


def _center_crop(encoded: bytes, size: int) -> np.ndarray:
    with Image.open(io.BytesIO(encoded)) as picture:
        picture = picture.convert("RGB")
        scale = size / CROP_SHARE / min(picture.size)
        picture = picture.resize([max(size, round(side * scale)) for side in picture.size], Image.Resampling.BILINEAR)
    left, top = ((side - size) // 2 for side in picture.size)
    return np.asarray(picture.crop((left, top, left + size, top + size)))
