"""Products with curvature matrices over some parameters of a network, by reverse mode alone.

    Hessian           H v = d/dW <dL/dW, v>
    Gauss-Newton      J^T l'' J v, where J v = d/du <J^T u, v> for any u

So whatever torch differentiates twice can be multiplied with, as by the engine `double_backward`: no operation needs a
rule of forward mode. The gradient's graph is made once for all columns of a product.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from curvlinops._torch_base import PyTorchLinearOperator
from torch import nn

from layercurv.curvature.batches import Batch
from layercurv.curvature.custom_functions import behind_custom_functions
from layercurv.curvature.directions import gradients_of
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective, RandomNumbers, copied, network_output, told
from layercurv.curvature.precision import measured_dtype
from layercurv.curvature.second_derivatives import random_directions
from layercurv.errors import InputError

Criterion = Callable[[torch.Tensor, Any, int], torch.Tensor]  # outputs, targets and N to the mean over samples
Tensors = list[torch.Tensor]
_SAME = 1e-3  # of <u, J v> by both ways; rounding is less in any precision


class CurvatureProducts(PyTorchLinearOperator, ABC):  # type: ignore[misc]  # curvlinops has no types
    """A symmetric matrix over some parameters; what curvlinops and scipy take."""

    SELF_ADJOINT = True

    def __init__(self, model: nn.Module, loss: Any, layers: list[WeightLayer], batches: Sequence[Batch]):
        """Take what it is made of, and make sure that each micro-batch has one loss.

        Args:
            model: The network, in eval mode.
            loss: What `as_loss` returned.
            layers: The parameters, in order.
            batches: The micro-batches.

        Raises:
            InputError: If network or loss fail, or the network draws random numbers.
        """
        self._model, self._loss, self._layers, self._batches = model, loss, layers, batches
        shapes = [tuple(layer.weight.shape) for layer in layers]
        super().__init__(shapes, shapes)
        with measuring(model, layers) as cast_to:
            objective = Objective(model, loss, cast_to)
            for batch in map(objective.prepared, batches):
                random_numbers = RandomNumbers()
                total = objective.counted_loss(batch)[0].detach()
                objective.require_deterministic(batch, total, random_numbers.were_drawn())

    @property
    def dtype(self) -> torch.dtype:
        """The precision of vectors and products: the widest of the parameters', at least float32."""
        return reduce(torch.promote_types, (measured_dtype(layer.weight) for layer in self._layers))

    @property
    def device(self) -> torch.device:
        """Where vectors and products are."""
        return self._layers[0].weight.device

    def _matmat(self, X: Tensors) -> Tensors:
        sums, n_samples = [torch.zeros_like(x) for x in X], 0
        with measuring(self._model, self._layers) as cast_to:
            objective = Objective(self._model, self._loss, cast_to)
            weights: Tensors = [layer.weight for layer in self._layers]
            columns = [[x[..., k].to(w.dtype) for x, w in zip(X, weights, strict=True)] for k in range(X[0].shape[-1])]
            for batch in map(objective.prepared, self._batches):
                n, multiply = self._multiplication(objective, batch, weights)
                for k, column in enumerate(columns):
                    for total, product in zip(sums, multiply(column), strict=True):
                        if product is not None:
                            total[..., k] += n * product.detach().to_dense()
                n_samples += n
        return [total / n_samples for total in sums]

    @abstractmethod
    def _multiplication(self, objective: Objective, batch: Batch, weights: Tensors) -> tuple[int, Callable]:
        """Return N, and what takes a column's parts to their product with the matrix of the micro-batch's mean."""


class HessianProducts(CurvatureProducts):
    """The Hessian of the mean loss."""

    def _multiplication(self, objective: Objective, batch: Batch, weights: Tensors) -> tuple[int, Callable]:
        total, n = objective.counted_loss(batch)
        gradients = gradients_of(total / n, weights, create_graph=True)
        return n, lambda column: _grad(_inner(gradients, column), weights)


class GaussNewtonProducts(CurvatureProducts):
    """J^T l'' J, averaged over samples, with l a function of the network's output."""

    def __init__(
        self, model: nn.Module, loss: Any, layers: list[WeightLayer], batches: Sequence[Batch], criterion: Criterion
    ):
        """Take what it is made of, and make sure that autograd sees the network's Jacobian.

        Args:
            model: The network, in eval mode.
            loss: What `as_loss` returned.
            layers: The parameters, in order.
            batches: The micro-batches.
            criterion: What l'' is the second derivative of.

        Raises:
            InputError: As for `CurvatureProducts`; or if a custom function hides the Jacobian.
        """
        self._criterion = criterion
        super().__init__(model, loss, layers, batches)
        with measuring(model, layers) as cast_to:
            objective = Objective(model, loss, cast_to)
            self._require_seen(objective, objective.prepared(batches[0]))

    def _multiplication(self, objective: Objective, batch: Batch, weights: Tensors) -> tuple[int, Callable]:
        outputs, n = self._outputs(objective, batch)
        f = outputs.detach().requires_grad_()
        with told("the loss failed on a micro-batch"):
            (slope,) = gradients_of(self._criterion(f, batch.targets, n), [f], create_graph=True)
        if slope is None:
            return n, lambda column: [None] * len(column)
        push = _Jacobian(outputs, weights)

        def multiply(column: Tensors) -> list[torch.Tensor | None]:
            (curved,) = _grad((slope * push(column)).sum(), [f])
            return push.transposed(torch.zeros_like(f) if curved is None else curved)

        return n, multiply

    def _outputs(self, objective: Objective, batch: Batch) -> tuple[torch.Tensor, int]:
        with told(f"{type(self._model).__name__}: the network failed on a micro-batch"):
            outputs = network_output(self._model, batch.map(copied))
        n = batch.counted(len(outputs))
        objective.weigh(n, len(outputs))
        return outputs, n

    def _require_seen(self, objective: Objective, batch: Batch) -> None:
        outputs, _ = self._outputs(objective, batch)
        weights: Tensors = [layer.weight for layer in self._layers]
        if not (behind := behind_custom_functions(outputs.sum(), self._layers, [])):
            return
        push = _Jacobian(outputs, weights)
        u, *v = (
            d.tensor(w.dtype) for d, w in zip(random_directions([outputs, *weights]), [outputs, *weights], strict=True)
        )
        once, twice = _inner(push.transposed(u), v), (u * push(v)).sum()
        if not float(abs(once - twice)) <= _SAME * max(abs(float(once)), abs(float(twice))):
            name, reason = next(iter(behind.items()))
            raise InputError(
                f"parameter {name}: {reason} whose backward autograd does not differentiate (numpy, detach, "
                "once_differentiable), so the network's Jacobian is not seen; write it in torch operations"
            )


class _Jacobian:
    # Of outputs in weights: J v, from J^T u, which is linear in u; and J^T c.

    def __init__(self, outputs: torch.Tensor, weights: Tensors):
        self._outputs, self._weights = outputs, weights
        self._u = torch.zeros_like(outputs, requires_grad=True)
        self._pulled = _grad(outputs, weights, self._u, create_graph=True)

    def __call__(self, column: Tensors) -> torch.Tensor:
        (found,) = _grad(_inner(self._pulled, column), [self._u])
        return torch.zeros_like(self._outputs) if found is None else found.detach()

    def transposed(self, cotangent: torch.Tensor) -> list[torch.Tensor | None]:
        return _grad(self._outputs, self._weights, cotangent)


def _inner(parts: Sequence[torch.Tensor | None], others: Tensors) -> torch.Tensor:
    terms = [(part.to_dense() * other).sum() for part, other in zip(parts, others, strict=True) if part is not None]
    return sum(terms, torch.zeros((), dtype=others[0].dtype, device=others[0].device))


def _grad(
    of: torch.Tensor, at: Tensors, cotangent: torch.Tensor | None = None, create_graph: bool = False
) -> list[torch.Tensor | None]:
    if not of.requires_grad:
        return [None] * len(at)
    with told("double backpropagation failed"):
        found = torch.autograd.grad(of, at, cotangent, retain_graph=True, create_graph=create_graph, allow_unused=True)
    return list(found)
