"""Losses as the curvature engines need them: the sum over samples, its gradient, its Hessian's root and quadratic form.

The Hessian of the per-sample loss in the network's output f is S S^T. All values are per sample: whoever averages
divides by the number of samples, once. A sample may hold several positions (the tokens of a text); its loss is then the
mean over them.
"""

import math
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import nn

from layercurv.errors import InputError


@runtime_checkable
class Loss(Protocol):
    """A loss that is a mean over samples of a convex function of the network's output."""

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum of the per-sample losses."""

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the gradient of each sample's loss in its output, shaped like `outputs`."""

    def n_root_columns(self, output_shape: torch.Size) -> int:
        """Return how many columns S has."""

    def root_columns(self, outputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the columns of S, each shaped like `outputs`."""

    def sampled_columns(self, outputs: torch.Tensor, count: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Yield random columns whose outer products sum to S S^T in expectation."""

    def quadratic_form(self, outputs: torch.Tensor, tangents: torch.Tensor) -> torch.Tensor:
        """Return t^T S S^T t for each sample, [K, N], for tangents [K, *outputs.shape]."""


class CrossEntropy:
    """Softmax cross-entropy in nats; outputs are logits [N, C] or [N, T, C], targets class indices [N] or [N, T]."""

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the summed cross-entropy of the samples, each a mean over its T positions.

        Args:
            outputs: Logits [N, C] or [N, T, C].
            targets: Labels [N] or [N, T].

        Returns:
            A scalar.
        """
        summed = F.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="sum")
        return summed / _positions(outputs)

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return (p - y) / T.

        Args:
            outputs: Logits [N, C] or [N, T, C].
            targets: Labels [N] or [N, T].

        Returns:
            The shape of `outputs`.
        """
        return (outputs.softmax(-1) - F.one_hot(targets, outputs.shape[-1])) / _positions(outputs)

    def n_root_columns(self, output_shape: torch.Size) -> int:
        """Return T (C - 1).

        Args:
            output_shape: (N, C) or (N, T, C).

        Returns:
            The number of columns.
        """
        return math.prod(output_shape[1:-1]) * (output_shape[-1] - 1)

    def root_columns(self, outputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the columns of the Cholesky factor of diag(p) - p p^T.

        The matrix has rank C - 1, and so many columns has its factor: with q_c = p_{c+1} + ... + p_C, column c is
        sqrt(p_c q_c / q_{c-1}) in row c and -p_i sqrt(p_c / (q_{c-1} q_c)) in the rows i below. (Tanabe and Sagae 1992,
        J. R. Stat. Soc. B 54, 211.)

        Args:
            outputs: Logits [N, C] or [N, T, C].

        Yields:
            One column for each of C - 1 classes and T positions, zero at the other positions; shaped like `outputs`.
        """
        p = outputs.softmax(-1)
        tails = p.flip(-1).cumsum(-1).flip(-1)  # q_{c-1} in place c
        tiny = torch.finfo(p.dtype).tiny
        scale = 1 / math.sqrt(_positions(outputs))
        for c in range(p.shape[-1] - 1):
            before, after = tails[..., c], tails[..., c + 1]
            column = torch.zeros_like(p)
            column[..., c] = (p[..., c] * after / before.clamp_min(tiny)).sqrt()
            below = (p[..., c] / before.clamp_min(tiny)).sqrt() / after.clamp_min(tiny).sqrt()
            column[..., c + 1 :] = -p[..., c + 1 :] * below.unsqueeze(-1)
            yield from _one_position_each(column * scale)

    def sampled_columns(self, outputs: torch.Tensor, count: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Yield (p - y) / sqrt(T count) with labels y drawn from the network's own p, at each position by itself.

        (The Monte Carlo Fisher of Martens and Grosse 2015.)

        Args:
            outputs: Logits [N, C] or [N, T, C].
            count: How many columns.
            generator: Source of the labels, on the CPU.

        Yields:
            Columns shaped like `outputs`.
        """
        for _ in range(count):
            drawn = self.sample_targets(outputs, generator)
            yield self.output_gradient(outputs, drawn) * math.sqrt(_positions(outputs) / count)

    def sample_targets(self, outputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw labels from the network's own probabilities, at each position by itself.

        Args:
            outputs: Logits [N, C] or [N, T, C].
            generator: Source of the labels, on the CPU.

        Returns:
            Labels [N] or [N, T].
        """
        p = outputs.softmax(-1).flatten(0, -2).cpu()
        return torch.multinomial(p, 1, generator=generator).reshape(outputs.shape[:-1]).to(outputs.device)

    def quadratic_form(self, outputs: torch.Tensor, tangents: torch.Tensor) -> torch.Tensor:
        """Return the variance of each tangent under the softmax's probabilities, averaged over positions.

        Args:
            outputs: Logits [N, C] or [N, T, C].
            tangents: [K, *outputs.shape].

        Returns:
            [K, N].
        """
        p = outputs.softmax(-1)
        centered = tangents - (tangents * p).sum(-1, keepdim=True)
        variances = (centered.square() * p).sum(-1)
        return variances.flatten(2).mean(2) if variances.dim() > 2 else variances


def as_loss(loss) -> Loss:
    """Accept a loss of this module, or torch's cross-entropy where it means the same.

    Args:
        loss: A `Loss`, or `nn.CrossEntropyLoss()` with no option set.

    Returns:
        The loss.

    Raises:
        InputError: If it is another loss, or not a mean over samples.
    """
    if isinstance(loss, Loss):
        return loss
    known = "expected CrossEntropy(), SquaredError(), nn.CrossEntropyLoss(), or an object with the methods of `Loss`"
    if getattr(loss, "reduction", "mean") != "mean":
        raise InputError(f"loss: expected a mean over samples, got {type(loss).__name__}(reduction={loss.reduction!r})")
    if type(loss) is not nn.CrossEntropyLoss:
        raise InputError(f"loss: {known}, got {type(loss).__name__}")
    if loss.weight is not None or loss.label_smoothing or loss.ignore_index != nn.CrossEntropyLoss().ignore_index:
        raise InputError(f"loss: {known}; got nn.CrossEntropyLoss with class weights, label smoothing or ignore_index")
    return CrossEntropy()


class SquaredError:
    """Half the squared distance, summed over outputs; outputs and targets [N, ...]."""

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return half the summed squares.

        Args:
            outputs: [N, ...].
            targets: The same shape.

        Returns:
            A scalar.
        """
        return 0.5 * (outputs - targets).square().sum()

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return outputs - targets.

        Args:
            outputs: [N, ...].
            targets: The same shape.

        Returns:
            The same shape.
        """
        return outputs - targets

    def n_root_columns(self, output_shape: torch.Size) -> int:
        """Return the number of outputs of one sample.

        Args:
            output_shape: (N, ...).

        Returns:
            The number of columns.
        """
        return math.prod(output_shape[1:])

    def root_columns(self, outputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the unit vectors: the Hessian is the identity.

        Args:
            outputs: [N, ...].

        Yields:
            One column for each output; shaped like `outputs`.
        """
        for c in range(self.n_root_columns(outputs.shape)):
            column = torch.zeros_like(outputs)
            column.view(len(outputs), -1)[:, c] = 1
            yield column

    def sampled_columns(self, outputs: torch.Tensor, count: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Yield standard normal numbers over sqrt(count).

        Args:
            outputs: [N, ...].
            count: How many columns.
            generator: Source of the numbers, on the CPU.

        Yields:
            Columns shaped like `outputs`.
        """
        for _ in range(count):
            drawn = torch.randn(outputs.shape, generator=generator, dtype=outputs.dtype).to(outputs.device)
            yield drawn / math.sqrt(count)

    def quadratic_form(self, outputs: torch.Tensor, tangents: torch.Tensor) -> torch.Tensor:
        """Return the squared norm of each tangent.

        Args:
            outputs: [N, ...].
            tangents: [K, *outputs.shape].

        Returns:
            [K, N].
        """
        return tangents.flatten(2).square().sum(2)


def _positions(outputs: torch.Tensor) -> int:
    return math.prod(outputs.shape[1:-1])


def _one_position_each(column: torch.Tensor) -> Iterator[torch.Tensor]:
    # [N, T, C] -> T tensors that are zero at all positions but one; [N, C] as it is
    if column.dim() == 2:
        yield column
        return
    for t in range(column.shape[1]):
        alone = torch.zeros_like(column)
        alone[:, t] = column[:, t]
        yield alone
