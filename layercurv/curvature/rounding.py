"""How much the precision of the weights loses: second derivatives against those in float64, on a sample or two."""

import functools
import logging
import warnings
from collections.abc import Collection
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from layercurv.curvature.batches import Batch, of_one_or_all
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective
from layercurv.curvature.recompute import with_little_memory
from layercurv.curvature.second_derivatives import RandomDirection, See, random_directions, see_derivatives
from layercurv.errors import InputError

_LOG = logging.getLogger(__name__)

WORTH_A_WARNING = 0.002
_N_PROBES = 16  # of a sketch


def warn_if_imprecise(objective: Objective, layers: list[WeightLayer], batch: Batch) -> None:
    """Warn if rounding changes second derivatives by more than 0.2 %.

    Args:
        objective: The user's network and loss, while it is being measured.
        layers: The layers.
        batch: A micro-batch as it came.
    """
    if not loses_digits(layers):
        return
    found, dtype = rounding_effect(objective, layers, batch), str(layers[0].weight.dtype).removeprefix("torch.")
    if found is None:
        _LOG.warning("the network does not run in float64: nobody knows what %s does to its curvature", dtype)
    elif found > WORTH_A_WARNING:
        warnings.warn(
            f"curvature measured in {dtype} is off by about {found:.1%} from float64 on the first sample, by what "
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
        The largest relative difference over layers; None where the network does not run in float64.
    """
    return of_one_or_all(functools.partial(_effect, objective, layers), batch)


def _effect(objective: Objective, layers: list[WeightLayer], batch: Batch) -> float | None:
    weights = [layer.weight for layer in layers]
    directions, found, distances = random_directions(weights), {}, {}

    def see_product(place: int, product: torch.Tensor) -> None:
        found[place] = sketch(product)

    def compare(place: int, exact: torch.Tensor) -> None:
        distances[place] = Distance.of(found[place], sketch(exact))

    try:
        _see_own(objective, layers, directions, batch, _look_away, see_product)
    except (InputError, IndexError, TypeError, ValueError):  # bound to a number of samples
        return None
    if not see_in_double(objective, layers, directions, batch, _look_away, compare):
        return None
    return effect(distances.values())


def loses_digits(layers: list[WeightLayer]) -> bool:
    """Tell whether float64 could give other numbers.

    Args:
        layers: The layers.

    Returns:
        Whether any weight is of lower precision.
    """
    return any(layer.weight.dtype != torch.float64 for layer in layers)


def sketch(tensor: torch.Tensor) -> torch.Tensor:
    """Project a derivative at random, so that it need not be kept to be compared: lengths remain, to a quarter or so.

    Args:
        tensor: Any tensor, seen as a matrix [m, n].

    Returns:
        T P / sqrt(k), [m, k] float64: P of independent standard normal numbers, the same for all tensors of one shape;
        T itself where it has no more columns than that.
    """
    matrix = tensor.detach().flatten(1) if tensor.dim() > 1 else tensor.detach().reshape(-1, 1)
    if matrix.shape[1] <= _N_PROBES:
        return matrix.double()
    P = torch.randn(matrix.shape[1], _N_PROBES, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    return (matrix @ P.to(matrix)).double() / _N_PROBES**0.5


@dataclass(frozen=True)
class Distance:
    """How far a layer's derivatives are from others, that count."""

    difference: float
    size: float

    @classmethod
    def of(cls, found: torch.Tensor, exact: torch.Tensor) -> "Distance":
        """Compare.

        Args:
            found: The derivatives, or a sketch of them.
            exact: The same of those that count.

        Returns:
            Norms of the difference, and of those that count.
        """
        return cls((exact - found).norm().item(), exact.norm().item())


def effect(distances: Collection[Distance]) -> float:
    """Judge Hessian-vector products.

    Args:
        distances: Of each layer's part from that in float64.

    Returns:
        The largest difference over layers, relative to that layer's part (or a thousandth of the largest part).
    """
    floor = 1e-3 * max(part.size for part in distances)
    return max(part.difference / max(part.size, floor, 1e-300) for part in distances)


def see_in_double(
    objective: Objective,
    layers: list[WeightLayer],
    directions: list[RandomDirection],
    batch: Batch,
    see_gradient: See,
    see_product: See,
) -> bool:
    """Differentiate the user's own loss twice in float64; see `see_derivatives`. What has been seen may come again.

    Args:
        objective: The user's network and loss, while it is being measured.
        layers: The layers.
        directions: One for each.
        batch: A micro-batch, prepared or as it came.
        see_gradient: Called with each layer's place and gradient, float64.
        see_product: Likewise with its Hessian-vector product.

    Returns:
        Whether the network runs in float64.
    """
    try:
        with measuring(objective.model, layers, torch.float64) as cast_to, _ConvolutionsAsProducts():
            in_double = Objective(objective.model, objective.loss, cast_to)
            _see_own(in_double, layers, directions, batch, see_gradient, see_product)
    except (InputError, IndexError, TypeError, ValueError):  # bound to its precision
        return False
    return True


def _see_own(objective: Objective, layers: list[WeightLayer], directions: list, batch: Batch, *see: See) -> None:
    weights = [layer.weight for layer in layers]
    with_little_memory(
        lambda: see_derivatives(objective.sum_loss(objective.prepared(batch)), weights, directions, *see)
    )


def _look_away(place: int, gradient: torch.Tensor) -> None:
    pass


class _ConvolutionsAsProducts(TorchFunctionMode):
    """Plain convolutions of images as matrix products of patches: torch's own in float64 take longer on CPUs."""

    @override
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is not F.conv2d or kwargs or len(args) != 7:
            return func(*args, **(kwargs or {}))
        x, weight, bias, stride, padding, dilation, groups = args
        if x.device.type != "cpu" or x.dim() != 4 or groups != 1 or isinstance(padding, str):
            return func(*args)
        axes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
        size = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes]
        y = weight.flatten(1) @ F.unfold(x, weight.shape[2:], dilation, padding, stride)
        return (y if bias is None else y + bias.unsqueeze(1)).unflatten(2, size)
