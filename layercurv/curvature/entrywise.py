"""Losses that are a sum over the output's entries, each convex in its entry: squared, Huber, logistic, Poisson.

The Hessian in the outputs is diagonal. First and second derivatives of an entry's loss are torch's own.
"""

import math
from collections.abc import Callable, Iterator

import torch

from layercurv.errors import InputError

Entries = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class EntrywiseLoss:
    """A loss sum_e l(f_e, y_e) over the entries of a sample's output, or its mean over them."""

    is_per_sample = True

    def __init__(self, entries: Entries, mean: bool = True):
        """Take the loss of single entries.

        Args:
            entries: (outputs, targets) to the loss of each entry, shaped like the outputs; convex in the output. A
                torch loss with `reduction="none"` is one.
            mean: Whether a sample's loss is the mean over its entries, as in torch, or their sum.
        """
        self._entries, self._mean = entries, mean

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum of the samples' losses.

        Args:
            outputs: [N, ...].
            targets: The same shape.

        Returns:
            A scalar.

        Raises:
            InputError: If targets are shaped otherwise (they would be broadcast against the outputs).
        """
        reason = self.why_not_fast(outputs, targets)
        if reason:
            raise InputError(reason)
        return self._entries(outputs, targets).sum() * self._scale(outputs.shape)

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return l'(f, y).

        Args:
            outputs: [N, ...].
            targets: The same shape.

        Returns:
            The same shape.
        """
        return self._derivatives(outputs, targets)[0]

    def n_root_columns(self, output_shape: torch.Size, targets: torch.Tensor | None = None) -> int:
        """Return the number of outputs of one sample.

        Args:
            output_shape: (N, ...).
            targets: Not needed.

        Returns:
            The number of columns.
        """
        return math.prod(output_shape[1:])

    def root_columns(self, outputs: torch.Tensor, targets: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
        """Yield unit vectors times sqrt(l'').

        Args:
            outputs: [N, ...].
            targets: The same shape.

        Yields:
            One column for each output; shaped like `outputs`.
        """
        root = self._curvature(outputs, targets).sqrt().reshape(len(outputs), -1)
        for c in range(root.shape[1]):
            column = torch.zeros_like(root)
            column[:, c] = root[:, c]
            yield column.reshape(outputs.shape)

    def sampled_columns(
        self, outputs: torch.Tensor, count: int, generator: torch.Generator, targets: torch.Tensor | None = None
    ) -> Iterator[torch.Tensor]:
        """Yield standard normal numbers times sqrt(l'' / count).

        Args:
            outputs: [N, ...].
            count: How many columns.
            generator: Source of the numbers, on the CPU.
            targets: The same shape.

        Yields:
            Columns shaped like `outputs`.
        """
        root = self._curvature(outputs, targets).sqrt()
        for _ in range(count):
            drawn = torch.randn(outputs.shape, generator=generator, dtype=outputs.dtype).to(outputs.device)
            yield drawn * root / math.sqrt(count)

    def quadratic_form(
        self, outputs: torch.Tensor, tangents: torch.Tensor, targets: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return sum_e l''(f_e, y_e) t_e^2 for each sample.

        Args:
            outputs: [N, ...].
            tangents: [K, *outputs.shape].
            targets: The same shape.

        Returns:
            [K, N].
        """
        return (tangents.square() * self._curvature(outputs, targets)).flatten(2).sum(2)

    def why_not_fast(self, outputs: torch.Tensor, targets) -> str | None:
        """Say why the formulas do not hold for these targets.

        Args:
            outputs: [N, ...].
            targets: Of the batch.

        Returns:
            The reason, None if they do.
        """
        if not isinstance(targets, torch.Tensor) or targets.shape != outputs.shape or not outputs.dim():
            got = tuple(targets.shape) if isinstance(targets, torch.Tensor) else type(targets).__name__
            return f"loss: expected targets shaped like the outputs, {tuple(outputs.shape)}, got {got}"
        return None

    def _curvature(self, outputs, targets) -> torch.Tensor:
        return self._derivatives(outputs, targets)[1]

    def _derivatives(self, outputs, targets) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.enable_grad():
            f = outputs.detach().requires_grad_()
            total = self._entries(f, targets).sum() * self._scale(f.shape)
            (slope,) = torch.autograd.grad(total, f, create_graph=True)
            if not slope.requires_grad:
                return slope, torch.zeros_like(slope)
            (curvature,) = torch.autograd.grad(slope.sum(), f)
        return slope.detach(), curvature

    def _scale(self, shape: torch.Size) -> float:
        return 1 / math.prod(shape[1:]) if self._mean else 1.0


class SquaredError(EntrywiseLoss):
    """Half the squared distance, summed over outputs; outputs and targets [N, ...]."""

    def __init__(self):
        """Make it."""
        super().__init__(lambda outputs, targets: 0.5 * (outputs - targets).square(), mean=False)

    def _curvature(self, outputs, targets):
        return torch.ones_like(outputs)  # whatever the targets
