"""Kronecker factors of a layer (K-FAC, "expand" form) from per-sample gradients.

C_A = E[a a^T] and C_d = E[d d^T] over samples and positions, with d the gradient of the per-sample loss at the layer's
output. Two kinds of C_d are kept apart: `empirical` uses the true label (P1's), `ggn` sums over the columns of the loss
Hessian's root. Per-sample means that no factor of 1/B enters: d from a mean loss would scale C_d by 1/B^2.
"""

import torch

from layercurv.curvature.directions import Directions
from layercurv.curvature.layers import WeightLayer

KINDS = ("empirical", "ggn")


class KroneckerFactors:
    """Accumulates C_A and both kinds of C_d over a `sweep`; a visitor. Memory: n^2 + 2 m^2 doubles per layer."""

    needs_loss_gradient = True

    def __init__(self, layers: list[WeightLayer]):
        """Start with empty sums.

        Args:
            layers: The layers to measure.
        """
        self._layers = layers
        self._sums = {
            layer.name: {
                "A": layer.weight.new_zeros(2 * layer.shape[1:], dtype=torch.float64),
                **{kind: layer.weight.new_zeros(2 * layer.shape[:1], dtype=torch.float64) for kind in KINDS},
            }
            for layer in layers
        }
        self._n_samples = 0
        self.n_positions: dict[str, int] = {}  # layer name -> L

    def on_inputs(self, inputs: dict[str, torch.Tensor]) -> None:
        """Add the layers' inputs of one micro-batch.

        Args:
            inputs: Layer name to the layer's input.
        """
        for layer in self._layers:
            a = layer.input_columns(inputs[layer.name])
            self._n_batch, self.n_positions[layer.name] = a.shape[:2]
            self._sums[layer.name]["A"] += _gram(a)

    def on_root_column(self, gradients: dict[str, torch.Tensor]) -> None:
        """Add one column of the loss Hessian's root.

        Args:
            gradients: Layer name to the column pulled back to the layer's output.
        """
        self._add("ggn", gradients)

    def on_loss_gradient(self, gradients: dict[str, torch.Tensor]) -> None:
        """Add the gradient of the per-sample loss.

        Args:
            gradients: Layer name to the gradient at the layer's output.
        """
        self._add("empirical", gradients)

    def on_batch_end(self) -> None:
        """Count the micro-batch's samples."""
        self._n_samples += self._n_batch

    def factors(self, name: str) -> dict[str, torch.Tensor]:
        """Return the factors of one layer.

        Args:
            name: The layer.

        Returns:
            `{"A": [n, n], "empirical": [m, m], "ggn": [m, m]}` in float64.
        """
        count = self._n_samples * self.n_positions[name]
        return {key: total / count for key, total in self._sums[name].items()}

    def spectra(self, name: str, directions: Directions) -> dict[str, dict[str, torch.Tensor]]:
        """Return what the decomposition of alpha needs of one layer's factors.

        Args:
            name: The layer.
            directions: Its directions.

        Returns:
            For `A`, `empirical`, `ggn`: `eigenvalues`, the K largest, descending, and `rayleigh`, the quadratic form
            along v_k (for A) or u_k, each [K] float64.
        """
        K = len(directions.singular_values)
        found = {}
        for key, factor in self.factors(name).items():
            vectors = directions.right if key == "A" else directions.left
            eigenvalues = torch.linalg.eigvalsh(factor).flip(0)[:K]
            found[key] = {"eigenvalues": eigenvalues, "rayleigh": (vectors * (factor @ vectors)).sum(0)}
        return found

    def state_dict(self) -> dict:
        """Return the sums, for a checkpoint.

        Returns:
            Tensors and plain values.
        """
        return {"sums": self._sums, "n_samples": self._n_samples, "n_positions": self.n_positions}

    def load_state_dict(self, state: dict) -> None:
        """Take up the sums of a checkpoint.

        Args:
            state: What `state_dict` returned.
        """
        self._sums, self._n_samples, self.n_positions = (
            state["sums"],
            state["n_samples"],
            state["n_positions"],
        )

    def _add(self, kind: str, gradients: dict[str, torch.Tensor]) -> None:
        for layer in self._layers:
            self._sums[layer.name][kind] += _gram(layer.output_columns(gradients[layer.name]))


def _gram(columns: torch.Tensor) -> torch.Tensor:
    # [N, L, c] -> sum over samples and positions of the outer products, [c, c]
    flat = columns.flatten(0, 1)
    return flat.T @ flat
