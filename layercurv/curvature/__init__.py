"""Exact curvature of a network's weight layers along chosen directions.

- `layers`: which weights are measured, and their matrix view
- `losses`: mean losses with the root of their Hessian in the network's output
- `tape`: layer inputs and outputs of one forward pass
- `directions`: top singular directions of the mean gradient
- `directional`: h_k by either engine
- `double_backward`: the reference engine, exact for any twice differentiable network
- `certificate`: whether the GGN form is exact for a layer
- `ggn`: the fast engine, exact for networks piecewise linear in each weight
- `kronecker`: factors C_A and C_d from per-sample output gradients
- `sweep`: one pass over micro-batches that feeds `ggn` and `kronecker` together
"""

from layercurv.curvature.certificate import not_affine
from layercurv.curvature.directional import ENGINES, directional_curvature
from layercurv.curvature.directions import (
    Directions,
    gradient_directions,
    mean_gradients,
    top_singular_directions,
)
from layercurv.curvature.double_backward import double_backward_curvature
from layercurv.curvature.ggn import GGNCurvature, LayerCurvature
from layercurv.curvature.kronecker import KroneckerFactors
from layercurv.curvature.layers import WeightLayer, weight_layers
from layercurv.curvature.losses import CrossEntropy, SquaredError
from layercurv.curvature.sweep import sweep

__all__ = [
    "ENGINES",
    "CrossEntropy",
    "Directions",
    "GGNCurvature",
    "KroneckerFactors",
    "LayerCurvature",
    "SquaredError",
    "WeightLayer",
    "directional_curvature",
    "double_backward_curvature",
    "gradient_directions",
    "mean_gradients",
    "not_affine",
    "sweep",
    "top_singular_directions",
    "weight_layers",
]
