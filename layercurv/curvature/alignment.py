"""Why h is not the product of its Kronecker factors: concentration and SUD, direction by direction.

With x_il = (u_k . d_il)(v_k . a_il) at position l of sample i,

    concentration = E[x^2] / (E[(u . d)^2] E[(v . a)^2])        over samples and positions
    SUD           = E[(sum_l x)^2] / E[sum_l x^2]               over samples

and E[(sum_l x)^2] = P E[(u . d)^2] E[(v . a)^2] * concentration * SUD, with P positions per sample. For d from the
columns of the loss Hessian's root (summed over) the left side is the GGN value, and chi = concentration * SUD exactly.
"""

from dataclasses import dataclass

import torch

from layercurv.curvature.directions import Directions
from layercurv.curvature.kronecker import KINDS
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.precision import measured_dtype
from layercurv.curvature.sweep import Gradients
from layercurv.curvature.uses import AppliedLayer


@dataclass(frozen=True)
class Alignment:
    """Moments of one layer along its directions, for one kind of output gradient, in float64."""

    output_moment: torch.Tensor  # [K], E[(u . d)^2], equal to u^T C_d u
    input_moment: torch.Tensor  # [K], E[(v . a)^2], equal to v^T C_A v
    concentration: torch.Tensor  # [K]
    sud: torch.Tensor  # [K]
    n_positions: int  # P

    @property
    def chi(self) -> torch.Tensor:
        """[K], concentration * SUD."""
        return self.concentration * self.sud


class AlignmentMoments:
    """Accumulates both kinds of moments over a `sweep`; a visitor."""

    needs_root_columns = True
    needs_loss_gradient = True

    def __init__(self, layers: list[WeightLayer], directions: dict[str, Directions]):
        """Start with empty sums.

        Args:
            layers: The layers to measure.
            directions: Layer name to directions.
        """
        self._names = [layer.name for layer in layers]
        self._left = {la.name: directions[la.name].left.to(measured_dtype(la.weight)) for la in layers}
        self._right = {la.name: directions[la.name].right.to(measured_dtype(la.weight)) for la in layers}
        zero = {name: torch.zeros_like(directions[name].singular_values) for name in self._names}
        self._inputs = {name: z.clone() for name, z in zero.items()}
        self._sums = {
            kind: {name: {key: z.clone() for key in ("outputs", "products", "sums")} for name, z in zero.items()}
            for kind in KINDS
        }
        self._n_samples, self._n_positions = 0, {}

    def on_inputs(self, applied: dict[str, AppliedLayer]) -> None:
        """Project the layers' inputs.

        Args:
            applied: Layer name to the layer's inputs.
        """
        self._applied = applied
        self._va = {name: applied[name].project_inputs(self._right[name]) for name in self._names}
        for name, va in self._va.items():
            self._inputs[name] += va.square().sum((0, 1), dtype=torch.float64)
            self._n_batch, self._n_positions[name] = va.shape[:2]

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

    def result(self, name: str) -> dict[str, Alignment]:
        """Return one layer's moments.

        Args:
            name: The layer.

        Returns:
            "empirical" and "ggn" to the moments.
        """
        P = self._n_positions[name]
        count = self._n_samples * P
        inputs = self._inputs[name] / count
        found = {}
        for kind in KINDS:
            outputs, products, sums = self._sums[kind][name].values()
            concentration = products / count / (outputs / count * inputs)
            found[kind] = Alignment(outputs / count, inputs, concentration, sums / products, P)
        return found

    def state_dict(self) -> dict:
        """Return the sums, for a checkpoint.

        Returns:
            Tensors and plain values.
        """
        return {
            "inputs": self._inputs,
            "sums": self._sums,
            "n_samples": self._n_samples,
            "n_positions": self._n_positions,
        }

    def load_state_dict(self, state: dict) -> None:
        """Take up the sums of a checkpoint.

        Args:
            state: What `state_dict` returned.
        """
        self._inputs, self._sums = state["inputs"], state["sums"]
        self._n_samples, self._n_positions = state["n_samples"], state["n_positions"]

    def _add(self, kind: str, gradients: Gradients) -> None:
        for name in self._left.keys() & gradients.keys():
            ud = self._applied[name].project_outputs(gradients[name], self._left[name])  # [N, P, K]
            x = ud * self._va[name]
            sums = self._sums[kind][name]
            sums["outputs"] += ud.square().sum((0, 1), dtype=torch.float64)
            sums["products"] += x.square().sum((0, 1), dtype=torch.float64)
            sums["sums"] += x.sum(1).square().sum(0, dtype=torch.float64)
