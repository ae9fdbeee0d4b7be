"""Softmax cross-entropy with all that torch's has: ignored labels, class weights, smoothing, soft labels, any axis.

At each position p the loss is -sum_c q_c log p_c, with q the weighted (smoothed) label. Its gradient in the logits is
m p - q and its Hessian m (diag p - p p^T), m = sum_c q_c. An ignored position has q = 0. As in torch, the loss of a
batch is the sum over positions divided by Z, the sum of the labels' weights: without options, the number of positions
that are not ignored.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from layercurv.errors import InputError


@dataclass(frozen=True)
class _Positions:
    """One batch in the form all formulas use."""

    p: torch.Tensor  # [N, P, C], the softmax
    q: torch.Tensor | None  # [N, P, C]; None where no labels are given
    mass: torch.Tensor  # [N, P], m
    scale: float | torch.Tensor  # N / Z: from a sum over positions to a sum over samples


class CrossEntropy:
    """Softmax cross-entropy in nats, as a mean over a batch's labelled positions.

    Outputs are logits [N, ..., C] with classes last, or [N, C, ...] with `class_axis=1`; targets are class indices [N,
    ...], or probabilities shaped like the outputs.
    """

    is_per_sample = True

    def __init__(
        self,
        ignore_index: int = -100,
        weight: torch.Tensor | None = None,
        label_smoothing: float = 0.0,
        class_axis: int | None = -1,
    ):
        """Set the options, which mean what they mean in `torch.nn.CrossEntropyLoss`.

        Args:
            ignore_index: Label of positions that do not count.
            weight: Of the classes, [C].
            label_smoothing: Between 0 and 1.
            class_axis: Where the classes are. None follows torch: axis 1, or the last where only that fits the labels.
        """
        self._ignore_index, self._weight, self._smoothing = ignore_index, weight, label_smoothing
        self._class_axis = class_axis

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return N times the mean over the labelled positions.

        Args:
            outputs: Logits [N, ..., C] (or with classes on another axis).
            targets: Labels [N, ...], or probabilities shaped like the outputs.

        Returns:
            A scalar.
        """
        z, y = self._arranged(outputs, targets)
        weight = None if self._weight is None else self._weight.to(z)
        mean = F.cross_entropy(
            z.flatten(0, 1), y.flatten(0, 1), weight, ignore_index=self._ignore_index, label_smoothing=self._smoothing
        )
        return mean * len(outputs)

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return (m p - q) N / Z at each position.

        Args:
            outputs: Logits.
            targets: Labels.

        Returns:
            The shape of `outputs`.
        """
        at = self._positions(outputs, targets)
        return self._back((at.mass.unsqueeze(2) * at.p - at.q) * at.scale, outputs, targets)

    def n_root_columns(self, output_shape: torch.Size, targets: torch.Tensor | None = None) -> int:
        """Return P (C - 1).

        Args:
            output_shape: Of the logits.
            targets: Labels; tell the class axis where it is not fixed.

        Returns:
            The number of columns.
        """
        n_classes = output_shape[self._axis(output_shape, targets)]
        return math.prod(output_shape[1:]) // n_classes * (n_classes - 1)

    def root_columns(self, outputs: torch.Tensor, targets: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
        """Yield the columns of the Cholesky factor of diag(p) - p p^T, times sqrt(m N / Z).

        The matrix has rank C - 1, and so many columns has its factor: with q_c = p_{c+1} + ... + p_C, column c is
        sqrt(p_c q_c / q_{c-1}) in row c and -p_i sqrt(p_c / (q_{c-1} q_c)) in the rows i below. (Tanabe and Sagae 1992,
        J. R. Stat. Soc. B 54, 211.)

        Args:
            outputs: Logits.
            targets: Labels; without them every position counts alike.

        Yields:
            One column for each of C - 1 classes and P positions, zero at the other positions; shaped like `outputs`.
        """
        at = self._positions(outputs, targets)
        tails = at.p.flip(2).cumsum(2).flip(2)  # q_{c-1} in place c
        tiny, size = torch.finfo(at.p.dtype).tiny, (at.mass * at.scale).sqrt().unsqueeze(2)
        for c in range(at.p.shape[2] - 1):
            before, after = tails[..., c], tails[..., c + 1]
            column = torch.zeros_like(at.p)
            column[..., c] = (at.p[..., c] * after / before.clamp_min(tiny)).sqrt()
            below = (at.p[..., c] / before.clamp_min(tiny)).sqrt() / after.clamp_min(tiny).sqrt()
            column[..., c + 1 :] = -at.p[..., c + 1 :] * below.unsqueeze(2)
            for alone in _one_position_each(column * size):
                yield self._back(alone, outputs, targets)

    def sampled_columns(
        self, outputs: torch.Tensor, count: int, generator: torch.Generator, targets: torch.Tensor | None = None
    ) -> Iterator[torch.Tensor]:
        """Yield (p - y) sqrt(m N / (Z count)) with labels y drawn from the network's own p, at each position by itself.

        (The Monte Carlo Fisher of Martens and Grosse 2015.)

        Args:
            outputs: Logits.
            count: How many columns.
            generator: Source of the labels, on the CPU.
            targets: Labels; without them every position counts alike.

        Yields:
            Columns shaped like `outputs`.
        """
        at = self._positions(outputs, targets)
        size = (at.mass * at.scale / count).sqrt().unsqueeze(2)
        for _ in range(count):
            drawn = F.one_hot(_drawn(at.p, generator), at.p.shape[2])
            yield self._back((at.p - drawn) * size, outputs, targets)

    def sample_targets(self, outputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw labels from the network's own probabilities, at each position by itself.

        Args:
            outputs: Logits.
            generator: Source of the labels, on the CPU.

        Returns:
            Labels [N, ...].
        """
        z = outputs.movedim(self._axis(outputs.shape, None), -1)
        p = z.softmax(-1).reshape(len(z), -1, z.shape[-1])
        return _drawn(p, generator).reshape(z.shape[:-1])

    def quadratic_form(
        self, outputs: torch.Tensor, tangents: torch.Tensor, targets: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the variance of each tangent under p, summed over positions with weights m N / Z.

        Args:
            outputs: Logits.
            tangents: [K, *outputs.shape].
            targets: Labels; without them every position counts alike.

        Returns:
            [K, N].
        """
        at = self._positions(outputs, targets)
        axis = self._axis(outputs.shape, targets) % outputs.dim()
        t = tangents.movedim(axis + 1, -1).reshape(len(tangents), *at.p.shape)
        centered = t - (t * at.p).sum(3, keepdim=True)
        return ((centered.square() * at.p).sum(3) * (at.mass * at.scale)).sum(2)

    def why_not_fast(self, outputs: torch.Tensor, targets) -> str | None:
        """Say why the formulas do not hold for these targets.

        Args:
            outputs: Logits.
            targets: Labels.

        Returns:
            The reason, None if they do.
        """
        try:
            self._arranged(outputs, targets)
        except InputError as error:
            return str(error)
        return None

    def _positions(self, outputs, targets) -> _Positions:
        if targets is None:
            p = outputs.movedim(self._axis(outputs.shape, None), -1).softmax(-1)
            p = p.reshape(len(p), -1, p.shape[-1])
            return _Positions(p, None, torch.ones_like(p[..., 0]), 1 / p.shape[1])
        z, y = self._arranged(outputs, targets)
        (N, P, C), eps = z.shape, self._smoothing
        w = torch.ones(C, dtype=z.dtype, device=z.device) if self._weight is None else self._weight.to(z)
        if y.is_floating_point():
            q, Z = (y.to(z.dtype) * (1 - eps) + eps / C) * w, N * P
        else:
            counts = y != self._ignore_index
            y = y.clamp(0, C - 1)
            q = F.one_hot(y, C).to(z.dtype) * (1 - eps) * w + eps / C * w
            q, Z = q * counts.unsqueeze(2), (w[y] * counts).sum()
        return _Positions(z.softmax(2), q, q.sum(2), N / Z)

    def _arranged(self, outputs, targets) -> tuple[torch.Tensor, torch.Tensor]:
        # Logits [N, P, C] and labels [N, P], or probabilities [N, P, C].
        if not isinstance(targets, torch.Tensor):
            raise InputError(f"cross-entropy: expected a tensor of labels, got {type(targets).__name__}")
        axis = self._axis(outputs.shape, targets)
        z = outputs.movedim(axis, -1)
        if targets.shape == outputs.shape and targets.is_floating_point():
            y = targets.movedim(axis, -1).reshape(len(z), -1, z.shape[-1])
        elif targets.shape == z.shape[:-1] and not targets.is_floating_point():
            y = self._labels(targets.long(), z.shape[-1]).reshape(len(z), -1)
        else:
            raise InputError(
                f"cross-entropy: expected labels of shape {tuple(z.shape[:-1])}, or probabilities of shape "
                f"{tuple(outputs.shape)}, for logits {tuple(outputs.shape)} with classes on axis "
                f"{axis % outputs.dim()}; got {targets.dtype} of shape {tuple(targets.shape)}"
            )
        return z.reshape(len(z), -1, z.shape[-1]), y

    def _labels(self, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
        counted = labels[labels != self._ignore_index]
        if not counted.numel():
            raise InputError(f"cross-entropy: every label of a micro-batch is {self._ignore_index} (ignored)")
        if counted.min() < 0 or counted.max() >= n_classes:
            raise InputError(
                f"cross-entropy: expected labels from 0 to {n_classes - 1} (or {self._ignore_index}, ignored), got "
                f"{int(counted.min())} to {int(counted.max())}"
            )
        return labels

    def _axis(self, shape: torch.Size, targets) -> int:
        if len(shape) < 2:
            raise InputError(f"cross-entropy: expected logits [N, ..., C], got outputs of shape {tuple(shape)}")
        if self._class_axis is not None:
            return self._class_axis
        last_fits = (
            isinstance(targets, torch.Tensor) and targets.shape == shape[:-1] and not targets.is_floating_point()
        )
        return -1 if last_fits and targets.shape != shape[:1] + shape[2:] else 1

    def _back(self, x: torch.Tensor, outputs: torch.Tensor, targets) -> torch.Tensor:
        axis = self._axis(outputs.shape, targets)
        return x.reshape(outputs.movedim(axis, -1).shape).movedim(-1, axis)


def _drawn(p: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    # p is [N, P, C]
    return torch.multinomial(p.flatten(0, 1).cpu(), 1, generator=generator).reshape(p.shape[:2]).to(p.device)


def _one_position_each(column: torch.Tensor) -> Iterator[torch.Tensor]:
    # [N, P, C] -> P tensors that are zero at all positions but one
    if column.shape[1] == 1:
        yield column
        return
    for position in range(column.shape[1]):
        alone = torch.zeros_like(column)
        alone[:, position] = column[:, position]
        yield alone
