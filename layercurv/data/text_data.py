"""Text as tokens in memory: a language model's stream, or labelled windows for a classifier.

The tokenizer is the UTF-8 encoding itself, as in ByT5 (Xue et al. 2022): 256 tokens, nothing out of vocabulary. Only
networks that others trained bring their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from layercurv.data.streams import MEASURE, ORDER, generator
from layercurv.errors import InputError

N_BYTES = 256


@dataclass(frozen=True)
class TextWindows:
    """Windows of T tokens with their targets: the next tokens, or one label each."""

    train_inputs: torch.Tensor  # [n_train, T] uint8 bytes, or int32 token ids
    train_targets: torch.Tensor  # [n_train, T] alike, or [n_train] int64 labels
    test_inputs: torch.Tensor  # [n_test, T]
    test_targets: torch.Tensor  # [n_test, T], or [n_test] int64 labels
    n_classes: int  # the vocabulary's size for next tokens: 256 bytes
    provenance: dict  # source, checksums, counts: goes into the record

    def to(self, device: torch.device) -> "TextWindows":
        """Move all windows to a device, so that batches are cut there.

        Args:
            device: Where to.

        Returns:
            The same data on `device`.
        """
        names = ("train_inputs", "train_targets", "test_inputs", "test_targets")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def limited(self, n_train: int | None, n_test: int | None) -> "TextWindows":
        """Keep the first windows of each split.

        Args:
            n_train: How many training windows to keep; None keeps all.
            n_test: How many test windows to keep; None keeps all.

        Returns:
            The smaller data set; its provenance says how many windows it holds.

        Raises:
            InputError: If a limit is not positive or exceeds what there is.
        """
        for split, limit, inputs in (("train", n_train, self.train_inputs), ("test", n_test, self.test_inputs)):
            if limit is not None and not 0 < limit <= len(inputs):
                raise InputError(f"data.{split}_limit: expected 1 to {len(inputs)} windows, got {limit}")
        train, test = slice(n_train), slice(n_test)
        return self._with_windows(
            self.train_inputs[train], self.train_targets[train], self.test_inputs[test], self.test_targets[test]
        )

    def validation_split(self, n_validation: int) -> "TextWindows":
        """Put the last training windows in the place of the test windows, for choices that must not see those.

        Args:
            n_validation: How many.

        Returns:
            The data without its test windows; its provenance says how many windows it holds.

        Raises:
            InputError: If no training window would be left.
        """
        n = len(self.train_inputs) - n_validation
        if not 0 < n < len(self.train_inputs):
            raise InputError(f"n_validation: expected 1 to {len(self.train_inputs) - 1} windows, got {n_validation}")
        return self._with_windows(
            self.train_inputs[:n], self.train_targets[:n], self.train_inputs[n:], self.train_targets[n:]
        )

    def _with_windows(self, train_inputs, train_targets, test_inputs, test_targets) -> "TextWindows":
        counts = {"n_train": len(train_inputs), "n_test": len(test_inputs)}
        return replace(
            self,
            train_inputs=train_inputs,
            train_targets=train_targets,
            test_inputs=test_inputs,
            test_targets=test_targets,
            provenance=self.provenance | counts,
        )

    def training_batches(self, batch_size: int, seed: int) -> "TextBatches":
        """Cut the training windows into shuffled batches.

        Args:
            batch_size: Windows per batch.
            seed: Of the order.

        Returns:
            The batches of every step.
        """
        return TextBatches(self, batch_size, seed)

    def test_batches(self, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Cut the test windows into batches, in their order.

        Args:
            batch_size: Windows per batch; the last may be smaller.

        Yields:
            Inputs [n, T] and targets, int64.
        """
        for start in range(0, len(self.test_inputs), batch_size):
            part = slice(start, start + batch_size)
            yield self.test_inputs[part].long(), self.test_targets[part].long()

    def measurement_batches(
        self, n_samples: int, micro_batch: int, seed: int
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Draw the training windows curvature is measured on, without replacement.

        Args:
            n_samples: B, how many windows.
            micro_batch: Windows per micro-batch.
            seed: Seed of the draw.

        Returns:
            Micro-batches of inputs [n, T] and targets, int64; B windows altogether.

        Raises:
            InputError: If there are fewer than `n_samples` training windows.
        """
        n = len(self.train_inputs)
        if not 0 < n_samples <= n:
            raise InputError(f"curvature.n_samples: expected 1 to {n} (training windows), got {n_samples}")
        chosen = torch.randperm(n, generator=generator(seed, MEASURE, 0))[:n_samples].to(self.train_inputs.device)
        inputs, targets = self.train_inputs[chosen].long(), self.train_targets[chosen].long()
        return list(zip(inputs.split(micro_batch), targets.split(micro_batch), strict=True))


@dataclass(frozen=True)
class TextBatches:
    """Shuffled training batches; the last incomplete batch of an epoch is left out."""

    data: TextWindows
    batch_size: int
    seed: int

    def __post_init__(self):
        """Check the batch size.

        Raises:
            InputError: If a batch is larger than the data.
        """
        n = len(self.data.train_inputs)
        if not 0 < self.batch_size <= n:
            raise InputError(f"training.batch_size: expected 1 to {n} (training windows), got {self.batch_size}")

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches in one epoch."""
        return len(self.data.train_inputs) // self.batch_size

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the batch of one global step.

        Args:
            step: Steps taken before this one, counted over all epochs.

        Returns:
            Inputs [batch_size, T] and targets, int64.
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        order = torch.randperm(len(self.data.train_inputs), generator=generator(self.seed, ORDER, epoch))
        chosen = order[position * self.batch_size : (position + 1) * self.batch_size]
        chosen = chosen.to(self.data.train_inputs.device)
        return self.data.train_inputs[chosen].long(), self.data.train_targets[chosen].long()
