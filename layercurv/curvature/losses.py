"""Losses, and what the engines need of them.

What is measured is always the mean over all samples: with L_b the loss of micro-batch b and N_b its samples,

    L = sum_b N_b L_b / sum_b N_b        if the loss is a mean over a batch
    L = sum_b L_b / sum_b N_b            if it is a sum

Three kinds, from the least asked to the fastest measured:

- `BatchLoss`: any function of network and batch. Only double backpropagation measures it.
- `OutputLoss`: any function of outputs and targets. The forward engine measures it too.
- a `Loss`: gradient, quadratic form and root of its Hessian in the outputs. All engines.

The Hessian of the per-sample loss in the network's output f is S S^T. All values are per sample: whoever averages
divides by the number of samples, once. A sample may hold several positions (the tokens of a text); its loss is then the
mean over them.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from layercurv.curvature.cross_entropy import CrossEntropy
from layercurv.curvature.entrywise import EntrywiseLoss, SquaredError
from layercurv.errors import InputError, choose

__all__ = ["BatchLoss", "CrossEntropy", "EntrywiseLoss", "Loss", "ModelLoss", "OutputLoss", "SquaredError", "as_loss"]

# Convex in each entry of the output, with every option torch has.
_ENTRYWISE = (nn.BCEWithLogitsLoss, nn.HuberLoss, nn.MSELoss, nn.PoissonNLLLoss, nn.SmoothL1Loss)


@runtime_checkable
class Loss(Protocol):
    """A loss that is a mean over samples of a convex function of the network's output.

    `root_columns`, `sampled_columns` and `quadratic_form` are given the targets as last argument if they take one of
    that name.
    """

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum of the per-sample losses."""

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the gradient of each sample's loss in its output, shaped like `outputs`."""

    def n_root_columns(self, output_shape: torch.Size) -> int:
        """Return how many columns S has."""

    def root_columns(self, outputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the columns of S, each shaped like `outputs`."""

    def sampled_columns(self, outputs: torch.Tensor, count: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Yield random columns whose outer products sum to S S^T in expectation."""

    def quadratic_form(self, outputs: torch.Tensor, tangents: torch.Tensor) -> torch.Tensor:
        """Return t^T S S^T t for each sample, [K, N], for tangents [K, *outputs.shape]."""


class BatchLoss:
    """Any function of network and batch, measured by double backpropagation.

    Example:
        >>> loss = BatchLoss(lambda model, batch: model(batch[0]).square().mean(), reduction="mean")
    """

    def __init__(
        self,
        function: Callable[[nn.Module, object], torch.Tensor],
        reduction: str,
        n_samples: Callable[[object], int] | None = None,
    ):
        """Take the function and say what it returns.

        Args:
            function: (network, batch as it came) to a scalar that depends on the network's weights.
            reduction: "mean" if it is a mean over the batch's samples, "sum" if it is their sum.
            n_samples: The number of samples of a batch, where its tensors do not tell.
        """
        choose("reduction", reduction, {"mean": 0, "sum": 0})
        self._function, self._is_mean, self._n_samples = function, reduction == "mean", n_samples

    def is_told(self, shares: set[float]) -> bool:
        """Tell whether all micro-batches weigh what they should, whichever tensors hold the samples.

        Args:
            shares: What `rows_per_sample` says of each micro-batch.

        Returns:
            Whether it was told how to count, both have one length, or a mean is taken and their ratio never changes.
        """
        return self._n_samples is not None or shares <= {1.0} or (self._is_mean and len(shares) == 1)

    def n_samples(self, batch) -> int:
        """Count the samples.

        Args:
            batch: A `Batch`.

        Returns:
            Their number.
        """
        return batch.n_samples if self._n_samples is None else int(self._n_samples(batch.raw))

    def rows_per_sample(self, batch) -> float | None:
        """Count the samples in another way, where nobody said how.

        Args:
            batch: A `Batch`.

        Returns:
            As for `Batch.rows_per_sample`; None if it was told how to count.
        """
        return batch.rows_per_sample if self._n_samples is None else None

    def batch_sum(self, model: nn.Module, batch) -> torch.Tensor:
        """Return the sum over the samples.

        Args:
            model: The network.
            batch: A `Batch`.

        Returns:
            A scalar.
        """
        found = self._function(model, batch.raw)
        return found * self.n_samples(batch) if self._is_mean else found


class ModelLoss(BatchLoss):
    """The loss that the network returns itself, as transformers' do: `model(**batch).loss`, a mean over the batch.

    It may return a dictionary with `loss` as well.
    """

    def __init__(self, n_samples: Callable[[object], int] | None = None):
        """Make it.

        Args:
            n_samples: As for `BatchLoss`.
        """
        super().__init__(_own_loss, "mean", n_samples)


def _own_loss(model: nn.Module, raw) -> torch.Tensor:
    is_sequence = isinstance(raw, tuple | list)
    output = model(*raw) if is_sequence else model(**(raw if hasattr(raw, "keys") else vars(raw)))
    loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if loss is None:
        raise InputError(
            f"ModelLoss: {type(model).__name__} returned no `loss`, but {type(output).__name__}; is a key `labels` in "
            "the batch? For a loss made of other outputs, give a BatchLoss"
        )
    return loss


class OutputLoss:
    """Any function of outputs and targets, such as those of `torch.nn.functional`.

    Its derivatives in the outputs are torch's own.

    Example:
        >>> loss = OutputLoss(torch.nn.functional.l1_loss, reduction="mean")
    """

    is_per_sample = False  # it may mix the samples

    def __init__(self, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], reduction: str):
        """Take the function and say what it returns.

        Args:
            function: (outputs, targets) to a scalar.
            reduction: "mean" or "sum", over the batch's samples.
        """
        choose("reduction", reduction, {"mean": 0, "sum": 0})
        self._function, self._is_mean = function, reduction == "mean"

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum over the samples.

        Args:
            outputs: [N, ...].
            targets: Whatever the function takes.

        Returns:
            A scalar.
        """
        found = self._function(outputs, targets)
        return found * len(outputs) if self._is_mean else found

    def output_gradient(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the gradient of the sum.

        Args:
            outputs: [N, ...].
            targets: Of the batch.

        Returns:
            The shape of `outputs`.
        """
        with torch.enable_grad():
            f = outputs.detach().requires_grad_()
            return torch.autograd.grad(self.sum_loss(f, targets), f)[0]

    def quadratic_form(self, outputs: torch.Tensor, tangents: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return t^T L'' t, by double backpropagation through the loss alone.

        Args:
            outputs: [N, ...].
            tangents: [K, *outputs.shape].
            targets: Of the batch.

        Returns:
            [K, N]; what mixes samples is put down to one of them.
        """
        with torch.enable_grad():
            f = outputs.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.sum_loss(f, targets), f, create_graph=True)
            if not slope.requires_grad:
                return tangents.new_zeros(tangents.shape[:2])
            products = [torch.autograd.grad(slope, f, t, retain_graph=True)[0] for t in tangents]
        return (torch.stack(products) * tangents).flatten(2).sum(2)


class _WithoutTargets:
    """An own `Loss` whose Hessian does not ask for the targets."""

    is_per_sample = True

    def __init__(self, loss: Loss):
        self.sum_loss, self.output_gradient = loss.sum_loss, loss.output_gradient
        self.n_root_columns = lambda shape, _targets=None: loss.n_root_columns(shape)
        self.root_columns = lambda outputs, _targets=None: loss.root_columns(outputs)
        self.quadratic_form = lambda outputs, tangents, _targets=None: loss.quadratic_form(outputs, tangents)
        self.sampled_columns = lambda outputs, count, generator, _targets=None: loss.sampled_columns(
            outputs, count, generator
        )


class _TorchEntrywise(EntrywiseLoss):
    """A loss module of torch: its own value, even where it broadcasts, and its derivatives entry by entry."""

    def __init__(self, module: nn.modules.loss._Loss):
        entries = copy.copy(module)
        entries.reduction = "none"
        super().__init__(entries)
        self._module = module

    def sum_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self._module(outputs, targets) * len(outputs)


def as_loss(loss):
    """Accept a loss of any kind.

    Args:
        loss: A `Loss`; a `BatchLoss` or `OutputLoss`; a loss module of torch with `reduction="mean"`; or an object that
            has only the method `sum_loss(outputs, targets)`.

    Returns:
        The loss, as the engines take it.

    Raises:
        InputError: If it is a plain function, whose reduction is not known, or torch's with another reduction.
    """
    if isinstance(loss, BatchLoss | OutputLoss | CrossEntropy | EntrywiseLoss | _WithoutTargets):
        return loss
    if isinstance(loss, Loss):
        return loss if "targets" in inspect.signature(loss.quadratic_form).parameters else _WithoutTargets(loss)
    if hasattr(loss, "sum_loss"):
        return OutputLoss(loss.sum_loss, "sum")
    if isinstance(loss, nn.modules.loss._Loss):
        return _of_torch(loss)
    raise InputError(
        f"loss: got {type(loss).__name__}, whose reduction is not known; expected CrossEntropy(), SquaredError(), a "
        'loss module of torch, OutputLoss(function of outputs and targets, reduction="mean"), BatchLoss(function of '
        'model and batch, reduction="mean") or ModelLoss() for transformers'
    )


def _of_torch(loss: nn.modules.loss._Loss):
    is_mean = loss.reduction == "mean" or (type(loss) is nn.KLDivLoss and loss.reduction == "batchmean")
    if not is_mean:
        raise InputError(
            f"loss: expected a mean over samples, got {type(loss).__name__}(reduction={loss.reduction!r}); "
            "what is measured is the mean"
        )
    if type(loss) is nn.CrossEntropyLoss:
        return CrossEntropy(loss.ignore_index, loss.weight, loss.label_smoothing, class_axis=None)
    if type(loss) in _ENTRYWISE:
        return _TorchEntrywise(loss)
    return OutputLoss(loss, "mean")
