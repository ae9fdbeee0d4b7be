"""Batches cut from data in memory. Every draw is a function of (seed, step), so resuming needs no generator state."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F

from layercurv.data.streams import AUGMENT, MEASURE, ORDER, generator
from layercurv.errors import InputError


class Images(Protocol):
    """What batches are cut from; `image_data.ImageData` is one."""

    train_images: torch.Tensor  # [n_train, channels, height, width] uint8
    train_labels: torch.Tensor  # [n_train] int64
    is_exact: torch.Tensor  # [n_train] bool

    def normalize(self, images: torch.Tensor) -> torch.Tensor:
        """Scale uint8 pixels to zero mean and unit variance per channel."""


@dataclass(frozen=True)
class TrainingBatches:
    """Shuffled, augmented training batches; the last incomplete batch of an epoch is left out."""

    data: Images
    batch_size: int
    seed: int
    crop_padding: int  # pixels of zero padding before a random crop; 0 crops nothing
    flip: bool  # mirror each image with probability 1/2

    def __post_init__(self):
        """Check the batch size.

        Raises:
            InputError: If a batch is larger than the data.
        """
        if not 0 < self.batch_size <= len(self.data.train_images):
            raise InputError(
                f"training.batch_size: expected 1 to {len(self.data.train_images)} (training images), "
                f"got {self.batch_size}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches in one epoch."""
        return len(self.data.train_images) // self.batch_size

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the batch of one global step.

        Args:
            step: Steps taken before this one, counted over all epochs.

        Returns:
            Normalised images [batch_size, channels, height, width] in float32, and labels [batch_size].
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        order = torch.randperm(len(self.data.train_images), generator=generator(self.seed, ORDER, epoch))
        chosen = order[position * self.batch_size : (position + 1) * self.batch_size]
        chosen = chosen.to(self.data.train_images.device)
        images = self.data.normalize(self.data.train_images[chosen])
        return self._augment(images, step), self.data.train_labels[chosen]

    def _augment(self, images: torch.Tensor, step: int) -> torch.Tensor:
        draws = generator(self.seed, AUGMENT, step)
        if self.crop_padding:
            images = _random_crop(images, self.crop_padding, draws)
        if self.flip:
            mirrored = torch.rand(len(images), generator=draws) < 0.5
            images = torch.where(mirrored.to(images.device).view(-1, 1, 1, 1), images.flip(-1), images)
        return images


def normalized_batches(
    data: Images, images: torch.Tensor, labels: torch.Tensor, batch_size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Cut images into batches in their order, without augmentation.

    Args:
        data: Gives the normalisation.
        images: [n, channels, height, width] uint8.
        labels: [n].
        batch_size: Images per batch; the last may be smaller.

    Yields:
        Normalised images and labels.
    """
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        yield data.normalize(images[part]), labels[part]


def measurement_batches(
    data: Images, n_samples: int, micro_batch: int, seed: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Draw the training images curvature is measured on: exact copies only, no augmentation, without replacement.

    Args:
        data: The data set.
        n_samples: B, how many images.
        micro_batch: Images per micro-batch.
        seed: Seed of the draw.

    Returns:
        Micro-batches of normalised images (float32) and labels; B of them altogether.

    Raises:
        InputError: If fewer than `n_samples` exact images exist.
    """
    exact = data.is_exact.nonzero().squeeze(1)
    if not 0 < n_samples <= len(exact):
        raise InputError(f"curvature.n_samples: expected 1 to {len(exact)} (exact training images), got {n_samples}")
    drawn = torch.randperm(len(exact), generator=generator(seed, MEASURE, 0))[:n_samples]
    chosen = exact[drawn.to(exact.device)]
    return list(normalized_batches(data, data.train_images[chosen], data.train_labels[chosen], micro_batch))


def _random_crop(images: torch.Tensor, padding: int, draws: torch.Generator) -> torch.Tensor:
    n, _, height, width = images.shape
    padded = F.pad(images, (padding,) * 4)
    offsets = torch.randint(0, 2 * padding + 1, (2, n), generator=draws).to(images.device)
    rows = offsets[0].view(n, 1, 1) + torch.arange(height, device=images.device).view(1, height, 1)
    columns = offsets[1].view(n, 1, 1) + torch.arange(width, device=images.device).view(1, 1, width)
    sample = torch.arange(n, device=images.device).view(n, 1, 1)
    cropped = padded.permute(0, 2, 3, 1)[sample, rows, columns].permute(0, 3, 1, 2)
    return cropped.contiguous()  # as cut, the images lie channels_last, and every layer behind them would
