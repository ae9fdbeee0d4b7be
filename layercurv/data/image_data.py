"""The container every image loader returns."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from layercurv.data.batches import TrainingBatches, measurement_batches, normalized_batches
from layercurv.errors import InputError


@dataclass(frozen=True)
class ImageData:
    """A labelled image data set held in memory."""

    train_images: torch.Tensor  # [n_train, channels, height, width] uint8
    train_labels: torch.Tensor  # [n_train] int64
    test_images: torch.Tensor  # [n_test, channels, height, width] uint8
    test_labels: torch.Tensor  # [n_test] int64
    is_exact: torch.Tensor  # [n_train] bool; False for images from a lossy copy, kept out of measurements
    mean: tuple[float, ...]  # per channel, of pixels scaled to [0, 1]
    std: tuple[float, ...]  # per channel, of pixels scaled to [0, 1]
    n_classes: int
    provenance: dict  # source, checksums, counts: goes into the record

    def to(self, device: torch.device) -> "ImageData":
        """Move all pixels and labels to a device, so that batches are cut there.

        Args:
            device: Where to.

        Returns:
            The same data on `device`.
        """
        names = ("train_images", "train_labels", "test_images", "test_labels", "is_exact")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def limited(self, n_train: int | None, n_test: int | None) -> "ImageData":
        """Keep the first images of each split.

        Args:
            n_train: How many training images to keep; None keeps all.
            n_test: How many test images to keep; None keeps all.

        Returns:
            The smaller data set; its provenance says how many images it holds.

        Raises:
            InputError: If a limit is not positive or exceeds what there is.
        """
        for split, limit, images in (
            ("train", n_train, self.train_images),
            ("test", n_test, self.test_images),
        ):
            if limit is not None and not 0 < limit <= len(images):
                raise InputError(f"data.{split}_limit: expected 1 to {len(images)} images, got {limit}")
        limited = replace(
            self,
            train_images=self.train_images[:n_train],
            train_labels=self.train_labels[:n_train],
            is_exact=self.is_exact[:n_train],
            test_images=self.test_images[:n_test],
            test_labels=self.test_labels[:n_test],
        )
        counts = {"n_train": len(limited.train_images), "n_test": len(limited.test_images)}
        return replace(limited, provenance=self.provenance | counts)

    def validation_split(self, n_validation: int) -> "ImageData":
        """Put the last training images in the place of the test images, for choices that must not see those.

        Args:
            n_validation: How many.

        Returns:
            The data without its test images; its provenance says how many images it holds.

        Raises:
            InputError: If no training image would be left.
        """
        n = len(self.train_images) - n_validation
        if not 0 < n < len(self.train_images):
            raise InputError(f"n_validation: expected 1 to {len(self.train_images) - 1} images, got {n_validation}")
        return replace(
            self,
            train_images=self.train_images[:n],
            train_labels=self.train_labels[:n],
            is_exact=self.is_exact[:n],
            test_images=self.train_images[n:],
            test_labels=self.train_labels[n:],
            provenance=self.provenance | {"n_train": n, "n_test": n_validation},
        )

    def normalize(self, images: torch.Tensor) -> torch.Tensor:
        """Scale uint8 pixels to zero mean and unit variance per channel.

        Args:
            images: [n, channels, height, width] uint8.

        Returns:
            The same shape in float32.
        """
        mean = torch.tensor(self.mean, device=images.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(1, -1, 1, 1)
        return (images.float() / 255 - mean) / std

    def training_batches(self, batch_size: int, seed: int, crop_padding: int, flip: bool) -> TrainingBatches:
        """Cut the training images into shuffled, augmented batches.

        Args:
            batch_size: Images per batch.
            seed: Of order and augmentation.
            crop_padding: Pixels of zero padding before a random crop; 0 crops nothing.
            flip: Mirror each image with probability 1/2.

        Returns:
            The batches of every step.
        """
        return TrainingBatches(self, batch_size, seed, crop_padding, flip)

    def test_batches(self, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Cut the test images into batches, in their order.

        Args:
            batch_size: Images per batch; the last may be smaller.

        Returns:
            Normalised images and labels.
        """
        return normalized_batches(self, self.test_images, self.test_labels, batch_size)

    def measurement_batches(
        self, n_samples: int, micro_batch: int, seed: int
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Draw the training images curvature is measured on (see `batches.measurement_batches`).

        Args:
            n_samples: B, how many images.
            micro_batch: Images per micro-batch.
            seed: Seed of the draw.

        Returns:
            Micro-batches of normalised images and labels.
        """
        return measurement_batches(self, n_samples, micro_batch, seed)
