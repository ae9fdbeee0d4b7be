"""First and second moments of per-sample gradients along directions, streamed.

With x_ik = u_k^T g_i v_k, g_i the gradient of sample i's loss in the layer's weight matrix:

    mean            mean_i x_ik            the gradient of these samples along the direction
    second_moment   mean_i x_ik^2          M_k; with labels drawn from the network it is the GGN value in expectation
    ggn             mean_i sum_c x_ikc^2   the GGN value itself, c over columns of the loss Hessian's root

(The second Bartlett identity: Martens 2020, "New insights and perspectives on the natural gradient method", section 9.)
"""

from dataclasses import dataclass

import torch

from layercurv.curvature.directions import Directions
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.precision import measured_dtype
from layercurv.curvature.projection import SampleProjection
from layercurv.curvature.sweep import Gradients
from layercurv.curvature.uses import AppliedLayer


@dataclass(frozen=True)
class Moments:
    """Moments of one layer along its directions, in float64."""

    mean: torch.Tensor  # [K]
    second_moment: torch.Tensor  # [K], M_k
    ggn: torch.Tensor | None  # [K]; None if the columns were left out
    n_samples: int


class DirectionalMoments:
    """Accumulates the moments over a `sweep`; a visitor. Memory: 3 K doubles per layer, however many samples."""

    needs_loss_gradient = True

    def __init__(self, layers: list[WeightLayer], directions: dict[str, Directions], ggn: bool = True):
        """Start with empty sums.

        Args:
            layers: The layers to measure.
            directions: Layer name to directions; they need not be orthogonal, and there may be thousands.
            ggn: Whether to measure the GGN value too, at one backward pass per column.
        """
        self.needs_root_columns = ggn
        self._names = [layer.name for layer in layers]
        self._left = {la.name: directions[la.name].left.to(measured_dtype(la.weight)) for la in layers}
        self._right = {la.name: directions[la.name].right.to(measured_dtype(la.weight)) for la in layers}
        kinds = ("mean", "second_moment", "ggn")
        self._sums = {
            name: {kind: torch.zeros_like(directions[name].singular_values) for kind in kinds} for name in self._names
        }
        self._n_samples = 0

    def on_inputs(self, applied: dict[str, AppliedLayer]) -> None:
        """Prepare the projections of one micro-batch.

        Args:
            applied: Layer name to the layer's inputs.
        """
        self._along = {
            name: SampleProjection(applied[name], self._left[name], self._right[name]).along for name in self._names
        }
        self._n_batch = next(iter(applied.values())).n_samples

    def on_root_column(self, gradients: Gradients) -> None:
        """Add one column of the loss Hessian's root.

        Args:
            gradients: Layer name to the column pulled back to the layer's output.
        """
        for name in self._left.keys() & gradients.keys():
            self._sums[name]["ggn"] += self._along[name](gradients[name]).square().sum(0, dtype=torch.float64)

    def on_loss_gradient(self, gradients: Gradients) -> None:
        """Add the gradients of the losses themselves.

        Args:
            gradients: Layer name to the gradient of the per-sample loss at the layer's output.
        """
        for name in self._left.keys() & gradients.keys():
            x = self._along[name](gradients[name])
            self._sums[name]["mean"] += x.sum(0, dtype=torch.float64)
            self._sums[name]["second_moment"] += x.square().sum(0, dtype=torch.float64)

    def on_batch_end(self) -> None:
        """Count the micro-batch's samples."""
        self._n_samples += self._n_batch

    def result(self) -> dict[str, Moments]:
        """Divide the sums by the number of samples.

        Returns:
            Layer name to moments.
        """
        found = {}
        for name in self._names:
            mean, second, ggn = (total / self._n_samples for total in self._sums[name].values())
            found[name] = Moments(mean, second, ggn if self.needs_root_columns else None, self._n_samples)
        return found

    def state_dict(self) -> dict:
        """Return the sums, for a checkpoint.

        Returns:
            Tensors and a count.
        """
        return {"sums": self._sums, "n_samples": self._n_samples}

    def load_state_dict(self, state: dict) -> None:
        """Take up the sums of a checkpoint.

        Args:
            state: What `state_dict` returned.
        """
        self._sums, self._n_samples = state["sums"], state["n_samples"]
