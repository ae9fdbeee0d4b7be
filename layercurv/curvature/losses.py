"""Losses as the curvature engines need them: the sum over samples, its gradient and a root of its Hessian.

The Hessian of the per-sample loss in the network's output f is S S^T; `hessian_root` returns the columns of S. All
values are per sample: whoever averages divides by the number of samples, once.
"""

from typing import Protocol

import torch
import torch.nn.functional as F


class Loss(Protocol):
    """A loss that is a mean over samples of a convex function of the network's output."""

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum of the per-sample losses."""

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the gradient of each sample's loss in its output, shaped like `outputs`."""

    def hessian_root(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the columns of S, stacked in front: [columns, *outputs.shape]."""


class CrossEntropy:
    """Softmax cross-entropy in nats; outputs are logits [N, C], targets class indices [N]."""

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the summed cross-entropy.

        Args:
            outputs: Logits [N, C].
            targets: Labels [N].

        Returns:
            A scalar.
        """
        return F.cross_entropy(outputs, targets, reduction="sum")

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return p - y.

        Args:
            outputs: Logits [N, C].
            targets: Labels [N].

        Returns:
            [N, C].
        """
        return outputs.softmax(1) - F.one_hot(targets, outputs.shape[1])

    def hessian_root(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return sqrt(p_c) (e_c - p), for which S S^T = diag(p) - p p^T.

        Args:
            outputs: Logits [N, C].

        Returns:
            [C, N, C]; the first axis counts columns.
        """
        p = outputs.softmax(1)
        identity = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
        return p.sqrt().T.unsqueeze(2) * (identity.unsqueeze(1) - p.unsqueeze(0))


class SquaredError:
    """Half the squared distance, summed over outputs; outputs and targets [N, C]."""

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return half the summed squares.

        Args:
            outputs: [N, C].
            targets: [N, C].

        Returns:
            A scalar.
        """
        return 0.5 * (outputs - targets).square().sum()

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return outputs - targets.

        Args:
            outputs: [N, C].
            targets: [N, C].

        Returns:
            [N, C].
        """
        return outputs - targets

    def hessian_root(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the unit vectors: the Hessian is the identity.

        Args:
            outputs: [N, C].

        Returns:
            [C, N, C].
        """
        identity = torch.eye(outputs.shape[1], dtype=outputs.dtype, device=outputs.device)
        return identity.unsqueeze(1).expand(-1, len(outputs), -1)
