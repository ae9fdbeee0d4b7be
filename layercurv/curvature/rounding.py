"""How much the precision of the weights loses: second derivatives against those in float64, on one sample."""

import warnings

import torch

from layercurv.curvature.batches import Batch
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective
from layercurv.curvature.proof import hessian_products
from layercurv.errors import InputError

WORTH_A_WARNING = 0.002


def warn_if_imprecise(objective: Objective, layers: list[WeightLayer], batch: Batch) -> None:
    """Warn if rounding changes second derivatives by more than 0.2 %.

    Args:
        objective: The user's network and loss, while it is being measured.
        layers: The layers.
        batch: A micro-batch as it came.
    """
    effect = rounding_effect(objective, layers, batch)
    if effect is not None and effect > WORTH_A_WARNING:
        dtype = str(layers[0].weight.dtype).removeprefix("torch.")
        warnings.warn(
            f"curvature measured in {dtype} is off by about {effect:.1%} from float64 on the first sample, by what "
            "the network computes in low precision; measure model.double() for more",
            stacklevel=3,
        )


def rounding_effect(objective: Objective, layers: list[WeightLayer], batch: Batch) -> float | None:
    """Compare Hessian-vector products in the precision at hand with those in float64.

    Args:
        objective: The user's network and loss, while it is being measured.
        layers: The layers.
        batch: A micro-batch as it came.

    Returns:
        The largest relative difference over layers; None in float64, and where the network does not run in float64.
    """
    if not layers or all(layer.weight.dtype == torch.float64 for layer in layers):
        return None
    try:
        few = batch.take([0]) if batch.n_samples > 1 else batch
        found = hessian_products(objective, objective.prepared(few), layers)
        with measuring(objective.model, layers, torch.float64) as cast_to:
            in_double = Objective(objective.model, objective.loss, cast_to)
            exact = hessian_products(in_double, in_double.prepared(few), layers)
    except (InputError, IndexError, TypeError, ValueError):  # bound to a number of samples, or to its precision
        return None
    sizes = [product.norm().item() for product in exact]
    floor = 1e-3 * max(sizes)
    pairs = zip(found, exact, sizes, strict=True)
    return max(((p - q).norm() / max(size, floor, 1e-300)).item() for p, q, size in pairs)
