"""Generated images for smoke runs and tests: each class a fixed random pattern, each image that pattern plus noise."""

import torch

from layercurv.data.image_data import ImageData

NOISE = 60.0  # standard deviation in grey levels; classes overlap, yet a small net learns them in a few steps


def generate_images(n_train: int, n_test: int, n_classes: int, image_size: int, seed: int) -> ImageData:
    """Generate a small learnable data set.

    Args:
        n_train: Training images.
        n_test: Test images.
        n_classes: Classes; labels are drawn uniformly.
        image_size: Height and width in pixels; three channels.
        seed: Seed of patterns, labels and noise.

    Returns:
        The data; its provenance says that it is generated.
    """
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.randint(0, 256, (n_classes, 3, image_size, image_size), generator=generator).float()
    labels = torch.randint(0, n_classes, (n_train + n_test,), generator=generator)
    noise = NOISE * torch.randn((n_train + n_test, 3, image_size, image_size), generator=generator)
    images = (patterns[labels] + noise).clamp(0, 255).to(torch.uint8)
    return ImageData(
        train_images=images[:n_train],
        train_labels=labels[:n_train],
        test_images=images[n_train:],
        test_labels=labels[n_train:],
        is_exact=torch.ones(n_train, dtype=torch.bool),
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        n_classes=n_classes,
        provenance={
            "name": "synthetic",
            "source": f"generated from seed {seed}",
            "shards_sha256": {},
            "pixels_sha256": {},
            "n_lossy_train": 0,
            "n_train": n_train,
            "n_test": n_test,
        },
    )
