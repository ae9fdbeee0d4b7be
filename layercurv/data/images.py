"""Decode image shards into tensors."""

import hashlib
import io

import numpy as np
import torch
from PIL import Image

from layercurv.data.image_data import ImageData
from layercurv.data.shards import Shards, open_shards
from layercurv.errors import InputError

LOSSY_MARK = "lossy-jpeg-source"  # image path of rows that come from a lossy copy


def load_images(
    name: str,
    hub: str,
    image_column: str,
    label_column: str,
    n_classes: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    root: str | None = None,
    train_limit: int | None = None,
    test_limit: int | None = None,
    test_split: str = "test",
) -> ImageData:
    """Load a labelled image data set from local Parquet shards or from the hub.

    Args:
        name: Folder of the data set below `root`, such as "cifar10".
        hub: Name on the hub, such as "uoft-cs/cifar10".
        image_column: Column with the encoded images.
        label_column: Column with integer labels.
        n_classes: Number of classes; labels must lie in 0 .. n_classes - 1.
        mean: Per-channel mean of pixels scaled to [0, 1], for normalisation.
        std: Per-channel standard deviation, likewise.
        root: Folder with MANIFEST.json; None downloads from the hub.
        train_limit: Keep the first training images only; None keeps all.
        test_limit: Likewise for the test split.
        test_split: The data set's own name of its test split.

    Returns:
        The decoded data; shard checksums, and checksums of the decoded pixels, are in its provenance.

    Raises:
        InputError: If shards are missing or altered, or labels out of range.
    """
    shards = open_shards(name, root, hub, {"train": "train", "test": test_split})
    train_images, is_exact = _decode(shards, "train", image_column)
    test_images, _ = _decode(shards, "test", image_column)
    labels = {split: shard_labels(shards, split, label_column, n_classes) for split in ("train", "test")}
    pixels = {
        "train": _pixel_checksum(shards, "train", train_images),
        "test": _pixel_checksum(shards, "test", test_images),
    }
    provenance = {
        "name": name,
        "source": shards.source,
        "shards_sha256": shards.checksums,
        "pixels_sha256": pixels,
        "n_lossy_train": int((~is_exact).sum()),
    }
    data = ImageData(
        train_images=train_images,
        train_labels=labels["train"],
        test_images=test_images,
        test_labels=labels["test"],
        is_exact=is_exact,
        mean=tuple(mean),
        std=tuple(std),
        n_classes=n_classes,
        provenance=provenance,
    )
    return data.limited(train_limit, test_limit)


def encoded_images(shards: Shards, split: str, column: str):
    """Take a split's images without decoding them.

    Args:
        shards: The data set.
        split: Which split.
        column: The image column.

    Returns:
        One dictionary with `bytes` and `path` per image.

    Raises:
        InputError: If there is no such column.
    """
    from datasets import Image as EncodedImage

    table = shards.splits[split]
    if column not in table.column_names:
        raise InputError(f"{shards.source}: expected image column {column!r}, found {', '.join(table.column_names)}")
    return table.cast_column(column, EncodedImage(decode=False))[column]


def shard_labels(shards: Shards, split: str, column: str, n_classes: int) -> torch.Tensor:
    """Take a split's labels.

    Args:
        shards: The data set.
        split: Which split.
        column: The label column.
        n_classes: Number of classes.

    Returns:
        [n] int64.

    Raises:
        InputError: If there is no such column, or a label is out of range.
    """
    table = shards.splits[split]
    if column not in table.column_names:
        raise InputError(f"{shards.source}: expected label column {column!r}, found {', '.join(table.column_names)}")
    labels = torch.tensor(table[column][:], dtype=torch.int64)
    if labels.min() < 0 or labels.max() >= n_classes:
        raise InputError(
            f"{shards.source}, {split}: expected labels 0 to {n_classes - 1}, "
            f"got {int(labels.min())} to {int(labels.max())}"
        )
    return labels


def _decode(shards: Shards, split: str, column: str) -> tuple[torch.Tensor, torch.Tensor]:
    arrays, exact = [], []
    for image in encoded_images(shards, split, column):
        with Image.open(io.BytesIO(image["bytes"])) as picture:
            arrays.append(np.asarray(picture.convert("RGB")))
        exact.append(image["path"] != LOSSY_MARK)
    pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()
    return pixels, torch.tensor(exact)


def _pixel_checksum(shards: Shards, split: str, images: torch.Tensor) -> str:
    found = hashlib.sha256(images.numpy().tobytes()).hexdigest()
    expected = shards.expected_pixels.get(split, found)
    if found != expected:
        raise InputError(
            f"{shards.source}, {split}: decoded pixels have SHA-256 {found}, MANIFEST.json says {expected}"
        )
    return found
