"""The fast engine: h_k from the generalised Gauss-Newton form.

    h_k = mean_i sum_c ( sum_l (u_k . d_icl) (v_k . a_il) )^2

d_ic is column c of the root of the loss Hessian, pulled back to the layer's output; a_il the layer's input at position
l. C backward passes serve all layers and all directions at once.

Exact where the network's output is, near the current weights, linear in each single weight matrix: then perturbing one
W moves the output linearly and only the loss curves. This holds for ReLU, max and average pooling, BatchNorm in eval
mode, residual sums, linear and convolution layers. It does not hold through GELU, softmax attention or LayerNorm, nor
for weights that are used twice; there this form is the GGN value, which is not h. `certificate` tells which it is.
"""

from dataclasses import dataclass

import torch

from layercurv.curvature.directions import Directions
from layercurv.curvature.layers import WeightLayer


@dataclass(frozen=True)
class LayerCurvature:
    """Directional curvatures of one layer, in float64."""

    curvatures: torch.Tensor  # [K], of the mean loss
    standard_errors: torch.Tensor | None  # [K], over samples at fixed directions; None where an engine has none
    n_samples: int
    engine: str  # that measured it


class GGNCurvature:
    """Accumulates h_k over a `sweep`; a visitor."""

    needs_loss_gradient = False

    def __init__(self, layers: list[WeightLayer], directions: dict[str, Directions]):
        """Start with empty sums.

        Args:
            layers: The layers to measure.
            directions: Layer name to directions.
        """
        self._layers = layers
        self._left = {la.name: directions[la.name].left.to(la.weight.dtype) for la in layers}
        self._right = {la.name: directions[la.name].right.to(la.weight.dtype) for la in layers}
        zeros = {la.name: torch.zeros_like(directions[la.name].singular_values) for la in layers}
        self._sums = {"h": zeros, "h_squared": {name: zero.clone() for name, zero in zeros.items()}}
        self._n_samples = 0

    def on_inputs(self, inputs: dict[str, torch.Tensor]) -> None:
        """Project the layers' inputs of one micro-batch on the right directions.

        Args:
            inputs: Layer name to the layer's input.
        """
        self._va = {la.name: la.project_inputs(inputs[la.name], self._right[la.name]) for la in self._layers}
        self._per_sample = {name: va.new_zeros(len(va), va.shape[2]) for name, va in self._va.items()}

    def on_root_column(self, gradients: dict[str, torch.Tensor]) -> None:
        """Add one column of the loss Hessian's root.

        Args:
            gradients: Layer name to the column pulled back to the layer's output.
        """
        for layer in self._layers:
            d = layer.output_columns(gradients[layer.name])  # [N, L, m]
            M = d.transpose(1, 2) @ self._va[layer.name]  # [N, m, K], summed over positions
            self._per_sample[layer.name] += (M * self._left[layer.name]).sum(1).square_()

    def on_loss_gradient(self, gradients: dict[str, torch.Tensor]) -> None:
        """Ignore the gradient of the loss itself, asked for by another visitor.

        Args:
            gradients: Layer name to the loss gradient at the layer's output.
        """

    def on_batch_end(self) -> None:
        """Fold the micro-batch into the sums."""
        for name, per_sample in self._per_sample.items():
            contributions = per_sample.double()  # [N, K], >= 0
            self._sums["h"][name] += contributions.sum(0)
            self._sums["h_squared"][name] += contributions.square().sum(0)
        self._n_samples += len(contributions)

    def result(self) -> dict[str, LayerCurvature]:
        """Return the means and their standard errors over samples.

        Returns:
            Layer name to curvature.
        """
        n = self._n_samples
        found = {}
        for name, total in self._sums["h"].items():
            mean = total / n
            variance = (self._sums["h_squared"][name] / n - mean.square()).clamp_min(0) * n / max(1, n - 1)
            found[name] = LayerCurvature(mean, (variance / n).sqrt(), n, "ggn")
        return found

    def state_dict(self) -> dict:
        """Return the sums, for a checkpoint.

        Returns:
            Tensors and plain values.
        """
        return {"sums": self._sums, "n_samples": self._n_samples}

    def load_state_dict(self, state: dict) -> None:
        """Take up the sums of a checkpoint.

        Args:
            state: What `state_dict` returned.
        """
        self._sums, self._n_samples = state["sums"], state["n_samples"]
