"""The backward engine: h_k from the generalised Gauss-Newton form.

    h_k = mean_i sum_c ( sum_l (u_k . d_icl) (v_k . a_il) )^2

d_ic is column c of the root of the loss Hessian, pulled back to where the weight is applied; a_il its input at position
l. One backward pass per column serves all layers and all directions at once.

Exact where the network's output is piecewise affine in the one weight matrix, all else held: then perturbing W moves
the output linearly and only the loss curves. This holds through ReLU, max and average pooling, BatchNorm in eval mode,
residual sums, linear and convolution layers. It does not hold through GELU, softmax attention or LayerNorm, nor for
weights applied twice in a row; there this form is the GGN value, which is not h.
"""

import torch

from layercurv.curvature.directions import Directions
from layercurv.curvature.layer_curvature import LayerCurvature
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.precision import measured_dtype
from layercurv.curvature.projection import SampleProjection
from layercurv.curvature.sweep import Gradients
from layercurv.curvature.uses import AppliedLayer


class GGNCurvature:
    """Collects per-sample h_k over a `sweep`; a visitor. Memory: B K numbers per layer."""

    def __init__(self, layers: list[WeightLayer], directions: dict[str, Directions], slopes: bool = False):
        """Start empty.

        Args:
            layers: The layers to measure.
            directions: Layer name to directions.
            slopes: Whether to collect first derivatives too, at the cost of one more backward pass.
        """
        self.needs_root_columns = bool(layers)
        self.needs_loss_gradient = slopes and bool(layers)
        self._names = [layer.name for layer in layers]
        self._left = {la.name: directions[la.name].left.to(measured_dtype(la.weight)) for la in layers}
        self._right = {la.name: directions[la.name].right.to(measured_dtype(la.weight)) for la in layers}
        self._curvatures: dict[str, list[torch.Tensor]] = {name: [] for name in self._names}
        self._slopes: dict[str, list[torch.Tensor]] = {name: [] for name in self._names}
        self._bent: set[str] = set()

    def on_inputs(self, applied: dict[str, AppliedLayer]) -> None:
        """Project the layers' inputs of one micro-batch on the right directions.

        Args:
            applied: Layer name to the layer's inputs.
        """
        self._along = {
            name: SampleProjection(applied[name], self._left[name], self._right[name]).along
            for name in self._names
            if name in applied
        }
        self._squares: dict[str, torch.Tensor | float] = dict.fromkeys(self._along, 0.0)

    def on_root_column(self, gradients: Gradients) -> None:
        """Add one column of the loss Hessian's root.

        Args:
            gradients: Layer name to the column pulled back to the layer's output.
        """
        for name in self._along.keys() & gradients.keys():
            self._squares[name] += self._along[name](gradients[name]).square_()

    def on_loss_gradient(self, gradients: Gradients) -> None:
        """Take the first derivatives.

        Args:
            gradients: Layer name to the loss gradient at the layer's output.
        """
        if self.needs_loss_gradient:
            for name in self._along.keys() & gradients.keys():
                self._slopes[name].append(self._along[name](gradients[name]).double().cpu())

    def on_bent(self, names: list[str]) -> None:
        """Note layers in whose weight the network's output bends: there the GGN value is not h.

        Args:
            names: The layers.
        """
        self._bent.update(names)

    def on_batch_end(self) -> None:
        """Keep the micro-batch's contributions."""
        for name, squares in self._squares.items():
            self._curvatures[name].append(squares.double().cpu())

    def result(self) -> dict[str, LayerCurvature]:
        """Return the means and what they are means of.

        Returns:
            Layer name to curvature; h_k is NaN, beside the GGN value and its contributions, where they differ.
        """
        found = {}
        for name in (name for name in self._names if self._curvatures[name]):
            per_sample = torch.cat(self._curvatures[name])
            slopes = torch.cat(self._slopes[name]) if self._slopes[name] else None
            h = per_sample.mean(0)
            exact = torch.full_like(h, torch.nan) if name in self._bent else h
            found[name] = LayerCurvature(exact, h, per_sample, slopes, len(per_sample), "ggn")
        return found

    def state_dict(self) -> dict:
        """Return what was collected, for a checkpoint.

        Returns:
            Lists of tensors.
        """
        return {"curvatures": self._curvatures, "slopes": self._slopes, "bent": self._bent}

    def load_state_dict(self, state: dict) -> None:
        """Take up what a checkpoint holds.

        Args:
            state: What `state_dict` returned.
        """
        self._curvatures, self._slopes = state["curvatures"], state["slopes"]
        self._bent = state.get("bent", set())
