"""How much the precision of the weights loses: second derivatives against those in float64, on a sample or two."""

import contextlib
import warnings
from collections.abc import Callable, Collection, Generator

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from layercurv.curvature.batches import Batch
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective
from layercurv.curvature.recompute import with_little_memory
from layercurv.curvature.second_derivatives import derivatives, random_directions, see_products
from layercurv.errors import InputError

WORTH_A_WARNING = 0.002


def warn_if_imprecise(objective: Objective, layers: list[WeightLayer], batch: Batch) -> None:
    """Warn if rounding changes second derivatives by more than 0.2 %.

    Args:
        objective: The user's network and loss, while it is being measured.
        layers: The layers.
        batch: A micro-batch as it came.
    """
    found = rounding_effect(objective, layers, batch)
    if found is not None and found > WORTH_A_WARNING:
        dtype = str(layers[0].weight.dtype).removeprefix("torch.")
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
        The largest relative difference over layers; None in float64, and where the network does not run in float64.
    """
    if not loses_digits(layers):
        return None
    found, differences, sizes = ({} for _ in range(3))

    def compare(place: int, exact: torch.Tensor) -> None:
        if place in found:  # what has been compared comes again where it is differentiated again
            differences[place], sizes[place] = _distance(found.pop(place), exact)

    try:
        few = batch.take([0]) if batch.n_samples > 1 else batch
        _see_own_products(objective, layers, few, found.__setitem__)
        with _in_double(objective, layers) as in_double:
            _see_own_products(in_double, layers, few, compare)
    except (InputError, IndexError, TypeError, ValueError):  # bound to a number of samples, or to its precision
        return None
    return _effect(differences.values(), sizes.values())


def loses_digits(layers: list[WeightLayer]) -> bool:
    """Tell whether float64 could give other numbers.

    Args:
        layers: The layers.

    Returns:
        Whether any weight is of lower precision.
    """
    return any(layer.weight.dtype != torch.float64 for layer in layers)


def derivatives_in_double(objective: Objective, layers: list[WeightLayer], batch: Batch) -> list[tuple] | None:
    """Differentiate the user's own loss twice in float64, along the random direction.

    Args:
        objective: The user's network and loss, while it is being measured.
        layers: The layers.
        batch: A micro-batch, prepared or as it came.

    Returns:
        Gradient and Hessian-vector product of each layer, float64; None where the network does not run in float64.
    """
    try:
        with _in_double(objective, layers) as in_double:
            return with_little_memory(lambda: _own_derivatives(in_double, layers, batch))
    except (InputError, IndexError, TypeError, ValueError):  # bound to its precision
        return None


def _own_derivatives(objective: Objective, layers: list[WeightLayer], batch: Batch) -> list[tuple]:
    weights = [layer.weight for layer in layers]
    return derivatives(objective.sum_loss(objective.prepared(batch)), weights, random_directions(weights))


def _see_own_products(
    objective: Objective, layers: list[WeightLayer], batch: Batch, see: Callable[[int, torch.Tensor], None]
) -> None:
    weights = [layer.weight for layer in layers]
    with_little_memory(lambda: see_products(objective.sum_loss(objective.prepared(batch)), weights, see))


def effect(found: list[torch.Tensor], exact: list[torch.Tensor]) -> float:
    """Compare Hessian-vector products.

    Args:
        found: Each layer's part.
        exact: The same in float64.

    Returns:
        The largest difference over layers, relative to that layer's part (or a thousandth of the largest part).
    """
    return _effect(*zip(*map(_distance, found, exact), strict=True))


@contextlib.contextmanager
def _in_double(objective: Objective, layers: list[WeightLayer]) -> Generator[Objective]:
    with measuring(objective.model, layers, torch.float64) as cast_to, _ConvolutionsAsProducts():
        yield Objective(objective.model, objective.loss, cast_to)


def _distance(found: torch.Tensor, exact: torch.Tensor) -> tuple[float, float]:
    return (found.double() - exact).norm().item(), exact.norm().item()


def _effect(differences: Collection[float], sizes: Collection[float]) -> float:
    floor = 1e-3 * max(sizes)
    return max(d / max(size, floor, 1e-300) for d, size in zip(differences, sizes, strict=True))


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
