"""What a batch gradient would be if it were sampling noise alone.

Two nulls, neither with a fitted number:

- sign flips, G* = mean_i e_i g_i with independent signs e_i = +-1: the covariance of the batch gradient, whatever its
  form, and no mean. With the columns of the loss Hessian's root in place of g_i, each with a sign of its own, the
  covariance is GGN / B: the noise of labels drawn from the network.
- a Gaussian matrix with separable covariance, G* = sqrt(P / B) C_d^(1/2) Z C_A^(1/2): the noise as a Kronecker product.
"""

import torch

from layercurv.curvature.kronecker import KINDS
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.sweep import Gradients
from layercurv.curvature.uses import AppliedLayer


class SignFlips:
    """Accumulates signed sums of per-sample gradients over a `sweep`; a visitor.

    Per-sample gradients exist for one micro-batch and layer at a time. Memory: R m n doubles per layer and kind.
    """

    def __init__(self, layers: list[WeightLayer], n_draws: dict[str, int], seed: int = 0):
        """Start with empty sums.

        Args:
            layers: The layers.
            n_draws: R for each kind wanted, "empirical" (the true labels' g_i) and "ggn" (columns of the root).
            seed: Of the signs.
        """
        self._n_draws = {kind: n_draws.get(kind, 0) for kind in KINDS}
        self.needs_loss_gradient, self.needs_root_columns = (self._n_draws[kind] > 0 for kind in KINDS)
        self._seed = seed
        self._sums = {
            kind: {la.name: torch.zeros(R, *la.shape, dtype=torch.float64, device=la.weight.device) for la in layers}
            for kind, R in self._n_draws.items()
            if R
        }
        self._names = [layer.name for layer in layers]
        self._n_samples = self._n_batches = 0

    def on_inputs(self, applied: dict[str, AppliedLayer]) -> None:
        """Keep the layers' inputs of one micro-batch.

        Args:
            applied: Layer name to the layer's inputs.
        """
        self._applied = applied
        self._n_batch = next(iter(applied.values())).n_samples
        self._columns_seen = dict.fromkeys(self._names, 0)
        self._signs: dict[int, torch.Tensor] = {}

    def on_root_column(self, gradients: Gradients) -> None:
        """Add one column of the loss Hessian's root, with signs of its own.

        Args:
            gradients: Layer name to the column pulled back to the layer's output.
        """
        for name in self._columns_seen.keys() & gradients.keys():
            self._columns_seen[name] += 1
            self._add("ggn", name, gradients[name], self._columns_seen[name])

    def on_loss_gradient(self, gradients: Gradients) -> None:
        """Add the gradients of the losses.

        Args:
            gradients: Layer name to the gradient of the per-sample loss at the layer's output.
        """
        for name in self._columns_seen.keys() & gradients.keys():
            self._add("empirical", name, gradients[name], 0)

    def on_batch_end(self) -> None:
        """Count the micro-batch."""
        self._n_samples += self._n_batch
        self._n_batches += 1

    def result(self, kind: str) -> dict[str, torch.Tensor]:
        """Divide the sums by the number of samples.

        Args:
            kind: "empirical" or "ggn".

        Returns:
            Layer name to null gradients, [R, m, n] float64.
        """
        return {name: total / self._n_samples for name, total in self._sums[kind].items()}

    def _add(self, kind: str, name: str, d: torch.Tensor, column: int) -> None:
        g = self._applied[name].sample_gradients(d)  # [N, m, n]
        signs = self._signs_of(column, self._n_draws[kind]).to(g)
        self._sums[kind][name] += (signs @ g.flatten(1)).unflatten(1, g.shape[1:])

    def _signs_of(self, column: int, n_draws: int) -> torch.Tensor:
        # One set [R, N] for all layers: a draw is one backward pass of losses with signs.
        if column not in self._signs:
            generator = torch.Generator().manual_seed((self._seed * 2**20 + self._n_batches) * 2**20 + column)
            self._signs[column] = 2.0 * torch.randint(2, (n_draws, self._n_batch), generator=generator) - 1
        return self._signs[column]


def separable_gaussian(
    A: torch.Tensor, D: torch.Tensor, n_positions: int, n_samples: int, n_draws: int, generator: torch.Generator
) -> torch.Tensor:
    """Draw gradients that are Gaussian noise with separable covariance, E[(u^T G v)^2] = P (u^T D u)(v^T A v) / B.

    Args:
        A: C_A, [n, n] float64.
        D: C_d, [m, m] float64.
        n_positions: P.
        n_samples: B.
        n_draws: R.
        generator: Source of the numbers, on the CPU.

    Returns:
        [R, m, n] float64, on the device of A.
    """
    Z = torch.randn(n_draws, len(D), len(A), generator=generator, dtype=torch.float64).to(A.device)
    return (n_positions / n_samples) ** 0.5 * (_root(D) @ Z @ _root(A))


def _root(factor: torch.Tensor) -> torch.Tensor:
    eigenvalues, vectors = torch.linalg.eigh(factor)
    return (vectors * eigenvalues.clamp_min(0).sqrt()) @ vectors.T
