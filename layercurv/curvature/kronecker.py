"""Kronecker factors of a layer (K-FAC) from per-sample gradients.

C_A = E[a a^T] and C_d = E[d d^T], with d the gradient of the per-sample loss at the layer's output. Two kinds of C_d
are kept apart: `empirical` uses the true label (the source paper's), `ggn` sums over the columns of the loss Hessian's
root. Per-sample means that no factor of 1/B enters: d from a mean loss would scale C_d by 1/B^2.

Two forms (Eschenhagen et al. 2023, arXiv:2311.00636): `expand` takes the expectation over samples and positions;
`reduce` first averages a and sums d over the positions of a sample, and takes it over samples.
"""

import torch

from layercurv.curvature.directions import Directions
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.leading_triplets import leading_eigenvalues
from layercurv.curvature.sweep import Gradients
from layercurv.curvature.uses import AppliedLayer
from layercurv.errors import choose

KINDS = ("empirical", "ggn")
FORMS = {"expand": False, "reduce": True}


class KroneckerFactors:
    """Accumulates C_A and both kinds of C_d over a `sweep`; a visitor. Memory: n^2 + 2 m^2 doubles per layer."""

    needs_root_columns = True
    needs_loss_gradient = True

    def __init__(self, layers: list[WeightLayer], form: str = "expand"):
        """Start with empty sums.

        Args:
            layers: The layers to measure.
            form: "expand" or "reduce".

        Raises:
            InputError: If the form is unknown.
        """
        self._reduce = choose("form of Kronecker factors", form, FORMS)
        self._layers = layers
        self._sums = {
            layer.name: {
                "A": layer.weight.new_zeros(2 * layer.shape[1:], dtype=torch.float64, requires_grad=False),
                **{kind: layer.weight.new_zeros(2 * layer.shape[:1], dtype=torch.float64) for kind in KINDS},
            }
            for layer in layers
        }
        self._n_samples = 0
        self.n_positions: dict[str, int] = {}  # layer name to P: h_Kron = P (u^T C_d u) (v^T C_A v)

    def on_inputs(self, applied: dict[str, AppliedLayer]) -> None:
        """Add the layers' inputs of one micro-batch.

        Args:
            applied: Layer name to the layer's inputs.
        """
        self._applied = applied
        for layer in self._layers:
            a = applied[layer.name].input_columns()
            a = a.mean(2, keepdim=True) if self._reduce else a
            self._n_batch, self.n_positions[layer.name] = a.shape[0], a.shape[1] * a.shape[2]
            columns = a.flatten(0, 2)
            self._sums[layer.name]["A"] += columns.T @ columns

    def on_root_column(self, gradients: Gradients) -> None:
        """Add one column of the loss Hessian's root.

        Args:
            gradients: Layer name to the column pulled back to the layer's output.
        """
        self._add("ggn", gradients)

    def on_loss_gradient(self, gradients: Gradients) -> None:
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
            eigenvalues = leading_eigenvalues(factor, K)
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

    def _add(self, kind: str, gradients: Gradients) -> None:
        for name in self._sums.keys() & gradients.keys():
            d = self._applied[name].output_columns(gradients[name])  # [N, groups, P / groups, m / groups]
            d = d.sum(2, keepdim=True) if self._reduce else d
            by_group = d.transpose(0, 1).flatten(1, 2)
            blocks = by_group.mT @ by_group  # [groups, m / groups, m / groups]
            self._sums[name][kind] += blocks[0] if len(blocks) == 1 else torch.block_diag(*blocks)
