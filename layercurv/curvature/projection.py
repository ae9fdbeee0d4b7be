"""Per-sample gradients along directions, u_k^T g_i v_k, by the cheaper of two ways.

Either every position is projected, sum_l (u_k . d_il)(v_k . a_il), or each sample's gradient g_i = sum_l d_il a_il^T is
formed first. Few directions favour the first, many positions and a small matrix the second.
"""

import torch

from layercurv.curvature.uses import AppliedLayer

# Multiplying and summing [N, P, K] numbers moves memory; it takes about as long as so many multiplications each.
_MEMORY_COST = 16


class SampleProjection:
    """Projects the samples of one micro-batch on one layer's directions."""

    def __init__(self, applied: AppliedLayer, left: torch.Tensor, right: torch.Tensor):
        """Prepare, once for all gradients of the micro-batch.

        Args:
            applied: The layer on the micro-batch.
            left: Columns u_k, [m, K].
            right: Columns v_k, [n, K].
        """
        self._applied, self._left, self._right = applied, left, right
        self._va = None if _forms_gradients(applied, left, right) else applied.project_inputs(right)

    def along(self, d: torch.Tensor) -> torch.Tensor:
        """Compute u_k^T g_i v_k for every sample and direction.

        Args:
            d: The gradient at the layer's output.

        Returns:
            [N, K].
        """
        if self._va is None:
            return ((self._applied.sample_gradients(d) @ self._right) * self._left).sum(1)
        return (self._applied.project_outputs(d, self._left) * self._va).sum(1)


def _forms_gradients(applied: AppliedLayer, left: torch.Tensor, right: torch.Tensor) -> bool:
    (m, K), n, P = left.shape, len(right), applied.n_positions
    return m * n * (P + K) < P * K * (m + _MEMORY_COST)
