"""Exact curvature of a network's weight layers along chosen directions.

What is measured:

- `layers`: which weights, and their matrix view
- `losses`: any loss; `cross_entropy` and `entrywise` those with root and quadratic form of their Hessian
- `batches`: micro-batches of any kind
- `directions`: top singular directions of the mean gradient, and any others; `moves` matches them with weights;
  `leading_triplets` those of a large matrix
- `objective`: the user's own network and loss on a micro-batch, which everything is held against
- `measuring`: the state a network is measured in, and back

How a network is seen:

- `tape`: its operations, recorded from one forward pass; `autograd_graph` what only autograd's graph tells
- `uses`: where a weight is applied among them
- `rules`: which operation is differentiated how; `derivatives` the general kinds, `normalization` those by formula
- `traced`: the way from each layer to the output
- `proof`: that operations, rules and loss are the user's own; `separation`: that samples are independent

The engines, and what else one pass can collect:

- `directional`: h_k of many layers in one call; `cost` picks the engine for each
- `double_backward`: the reference, exact for any twice differentiable network
- `ggn`: one backward pass per class for all layers, exact where the network is piecewise affine in the weight
- `tangent`: one forward pass per direction, exact for smooth networks too
- `sweep`: one pass over micro-batches that feeds `ggn` and `kronecker` together
- `kronecker`: factors C_A and C_d from per-sample output gradients
- `alignment`: concentration and SUD, direction by direction
- `moments`: first and second moments of per-sample gradients along directions; `projection` how they are projected
- `null_gradients`: batch gradients that are sampling noise alone; `labels` draws labels from the network
- `finite_difference`: what a measurement without second derivatives would give
- `dense`: the whole Hessian of a tiny network
- `spectrum`: eigenpairs, trace and density of Hessian, GGN and Fisher over any parameters; `curvature_products`
  their products, by reverse mode alone
- `precision`: float32 means float32; `rounding` what that loses; `second_derivatives` both are seen by
"""

from layercurv.curvature.alignment import Alignment, AlignmentMoments
from layercurv.curvature.batches import Batches
from layercurv.curvature.directional import ENGINES, chosen_engines, directional_curvature
from layercurv.curvature.directions import (
    Directions,
    JointDirections,
    TensorDirections,
    gradient_directions,
    mean_gradients,
    top_singular_directions,
)
from layercurv.curvature.double_backward import double_backward_curvature
from layercurv.curvature.ggn import GGNCurvature
from layercurv.curvature.kronecker import KroneckerFactors
from layercurv.curvature.labels import with_model_labels
from layercurv.curvature.layer_curvature import LayerCurvature
from layercurv.curvature.layers import WeightLayer, parameters, weight_layers
from layercurv.curvature.losses import BatchLoss, CrossEntropy, EntrywiseLoss, ModelLoss, OutputLoss, SquaredError
from layercurv.curvature.moments import DirectionalMoments, Moments
from layercurv.curvature.null_gradients import SignFlips, separable_gaussian
from layercurv.curvature.sweep import sweep
from layercurv.curvature.traced import TracedNetwork

__all__ = [
    "ENGINES",
    "Alignment",
    "AlignmentMoments",
    "BatchLoss",
    "Batches",
    "CrossEntropy",
    "DirectionalMoments",
    "Directions",
    "EntrywiseLoss",
    "GGNCurvature",
    "JointDirections",
    "KroneckerFactors",
    "LayerCurvature",
    "ModelLoss",
    "Moments",
    "OutputLoss",
    "SignFlips",
    "SquaredError",
    "TensorDirections",
    "TracedNetwork",
    "WeightLayer",
    "chosen_engines",
    "directional_curvature",
    "double_backward_curvature",
    "gradient_directions",
    "mean_gradients",
    "parameters",
    "separable_gaussian",
    "sweep",
    "top_singular_directions",
    "weight_layers",
    "with_model_labels",
]
