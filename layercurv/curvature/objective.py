"""The user's own loss of the user's own network on one micro-batch, as the sum over its samples.

This is what all engines are held against. What it raises is told as one `InputError`; what it draws at random is found
out by evaluating it again.
"""

import contextlib
import random
import sys
from collections.abc import Generator, Mapping

import torch
from torch import nn

from layercurv.curvature.batches import Batch
from layercurv.curvature.losses import BatchLoss
from layercurv.curvature.precision import HALF
from layercurv.errors import InputError

_TRIES = 20  # evaluations of a network that draws random numbers and may not use them


class Objective:
    """A network and a loss; to be used while the network is being measured."""

    def __init__(self, model: nn.Module, loss, cast_to: torch.dtype | None = None):
        """Take both.

        Args:
            model: The network.
            loss: What `as_loss` returned.
            cast_to: What `measuring` yields: the dtype of floating inputs, None to leave them.
        """
        self.model, self.loss, self._cast_to = model, loss, cast_to
        self.rows_per_sample: set[float] = set()  # of the outputs or targets of the micro-batches weighed so far

    def prepared(self, batch: Batch) -> Batch:
        """Make a micro-batch fit for differentiation.

        Args:
            batch: The micro-batch.

        Returns:
            The same with floating tensors cast and tensors of inference mode copied; itself if there is nothing to do.
        """
        tensors = [*batch.tensors, *([batch.targets] if isinstance(batch.targets, torch.Tensor) else [])]
        if any(x.is_inference() or self._must_cast(x) for x in tensors):
            return batch.map(self._changed)
        return batch

    def sum_loss(self, batch: Batch) -> torch.Tensor:
        """Evaluate the loss.

        Args:
            batch: A prepared micro-batch.

        Returns:
            The sum over the samples, a scalar.

        Raises:
            InputError: If network or loss fail, or the loss is not one finite number.
        """
        return self._evaluated(batch)[0]

    def counted_loss(self, batch: Batch) -> tuple[torch.Tensor, int]:
        """Evaluate the loss of one micro-batch of several, and count its samples, by which it weighs.

        Args:
            batch: A prepared micro-batch.

        Returns:
            The sum over the samples, and N.

        Raises:
            InputError: As for `sum_loss`; or if the micro-batches do not tell how much each weighs.
        """
        total, n, n_rows = self._evaluated(batch)
        self.weigh(n, n_rows)
        return total, n

    def weigh(self, n: int, n_rows: float | None) -> None:
        """Note how many rows one micro-batch of several has for each sample: the same number in all, or N is a guess.

        Args:
            n: Its samples.
            n_rows: Of the network's output, or of the targets where the loss sees the batch as it is; None if unknown.

        Raises:
            InputError: If the micro-batches do not tell how much each weighs.
        """
        if n_rows is not None:
            self.require_told({*self.rows_per_sample, n_rows / n})

    def require_told(self, rows_per_sample: set[float]) -> None:
        """Raise if micro-batches do not tell how much each weighs.

        Args:
            rows_per_sample: What was noted of each of them; kept.

        Raises:
            InputError: If so.
        """
        self.rows_per_sample = rows_per_sample
        if isinstance(self.loss, BatchLoss) and not self.loss.is_told(rows_per_sample):
            raise InputError(
                "batches: cannot tell the number of samples of a micro-batch: its first tensor and its last (or its "
                f"targets, or its lists) differ in length, by a factor of {_listed(rows_per_sample)}; give the loss "
                "n_samples=, a function of the batch (see BatchLoss)"
            )
        if not isinstance(self.loss, BatchLoss) and len(rows_per_sample) > 1:
            raise InputError(
                "batches: cannot tell the number of samples of a micro-batch: for each row of its inputs the network "
                f"returns {_listed(rows_per_sample)} rows, so inputs and outputs weigh the micro-batches differently; "
                "return outputs with the samples on the first axis, or use BatchLoss with n_samples="
            )

    def _evaluated(self, batch: Batch) -> tuple[torch.Tensor, int, float | None]:
        torch.clear_autocast_cache()  # of a network with autocast inside: casts of weights that were others then
        with told(f"{type(self.model).__name__}: network or loss failed on a micro-batch"):
            batch = batch.map(copied)
            if isinstance(self.loss, BatchLoss):
                total, n = self.loss.batch_sum(self.model, batch), self.loss.n_samples(batch)
                share = self.loss.rows_per_sample(batch)
                n_rows = None if share is None else share * n
            else:
                outputs = network_output(self.model, batch)
                n_rows = len(outputs)
                total, n = self.of_outputs(outputs, batch), batch.counted(n_rows)
        if not isinstance(total, torch.Tensor) or total.numel() != 1 or not total.is_floating_point():
            got = f"shape {tuple(total.shape)}" if isinstance(total, torch.Tensor) else type(total).__name__
            raise InputError(f"loss: expected one real number, got {got}")
        if not torch.isfinite(total):
            raise InputError(
                "the loss is NaN or infinite; check inputs, targets and weights (the network's output holds NaN or "
                "infinity, or no target counts)"
            )
        return total.reshape(()), n, n_rows

    def of_outputs(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Evaluate the loss of given outputs.

        Args:
            outputs: Of the network.
            batch: The micro-batch.

        Returns:
            The sum over the samples; where the outputs' first axis is not that of the samples, N times its mean.

        Raises:
            InputError: If there are no targets.
        """
        if batch.targets is None:
            raise InputError(f"batches: expected targets beside the inputs, found none in a {type(batch.raw).__name__}")
        total = self.loss.sum_loss(outputs, batch.targets)
        n = batch.counted(len(outputs))
        return total if len(outputs) == n else total * (n / len(outputs))

    def require_deterministic(self, batch: Batch, total: torch.Tensor, drawn: bool) -> None:
        """Raise if the loss has another value when it is evaluated again.

        Args:
            batch: The micro-batch.
            total: Its loss.
            drawn: Whether random numbers were drawn; then one more evaluation is not enough.

        Raises:
            InputError: If so.
        """
        for _ in range(_TRIES if drawn else 1):
            again = self.sum_loss(batch).detach()
            if (again - total.detach()).abs() > 1000 * torch.finfo(total.dtype).eps * total.detach().abs():
                raise InputError(
                    f"{type(self.model).__name__}: two evaluations of the loss differ ({float(total):.6g} and "
                    f"{float(again):.6g}): the network draws random numbers, or changes itself; call model.eval(), and "
                    "remove dropout that stays on"
                )

    def _must_cast(self, x: torch.Tensor) -> bool:
        return x.is_floating_point() and x.dtype != self._dtype_of(x)

    def _changed(self, x: torch.Tensor) -> torch.Tensor:
        x = x.clone() if x.is_inference() else x
        return x.to(self._dtype_of(x)) if self._must_cast(x) else x

    def _dtype_of(self, x: torch.Tensor) -> torch.dtype:
        # Half-precision inputs follow the weights, which may have been cast by an outer `measuring`.
        if self._cast_to is None and x.dtype in HALF:
            return next((p.dtype for p in self.model.parameters() if p.is_floating_point()), x.dtype)
        return self._cast_to or x.dtype


def copied(x: torch.Tensor) -> torch.Tensor:
    """Copy a tensor of a micro-batch, so that a network that writes into its inputs does not change them.

    Args:
        x: The tensor.

    Returns:
        A leaf of the same values.
    """
    return x.detach().clone().requires_grad_(x.requires_grad)


def network_output(model: nn.Module, inputs) -> torch.Tensor:
    """Run a network and take its output tensor, which some wrap in an object or a dictionary with `logits`.

    Args:
        model: The network.
        inputs: Its input, or a `Batch`.

    Returns:
        The output.

    Raises:
        InputError: If there is no such tensor.
    """
    output = model(*inputs.args, **inputs.kwargs) if isinstance(inputs, Batch) else model(inputs)
    output = output.get("logits", output) if isinstance(output, Mapping) else getattr(output, "logits", output)
    if not isinstance(output, torch.Tensor):
        raise InputError(
            f"{type(model).__name__}: expected the network to return a tensor, or an object or dictionary with "
            f"`logits`, got {type(output).__name__}; for a loss of other outputs, give a BatchLoss"
        )
    if not output.dim() or not output.is_floating_point():
        raise InputError(
            f"{type(model).__name__}: expected real outputs with samples on the first axis, got {output.dtype} of "
            f"shape {tuple(output.shape)}; a loss of network and batch is a BatchLoss"
        )
    return output


def require_finite(outputs: torch.Tensor) -> None:
    """Raise if a network's output is not finite.

    Args:
        outputs: The output.

    Raises:
        InputError: If it holds NaN or infinity.
    """
    if not torch.isfinite(outputs).all():
        raise InputError("the network's output holds NaN or infinity; check inputs and weights")


@contextlib.contextmanager
def told(what: str, but: type[Exception] = InputError) -> Generator[None]:
    """Turn whatever the user's code or file, or torch in it, raises into one line.

    Args:
        what: What failed.
        but: What is raised as it is.

    Yields:
        None.

    Raises:
        InputError: In place of any exception but those of memory.
    """
    try:
        yield
    except Exception as error:  # the user's forward pass may raise anything
        if isinstance(error, InputError | MemoryError | torch.OutOfMemoryError | but):
            raise
        message = (str(error).strip().splitlines() or [""])[0]
        raise InputError(f"{what}: {': '.join(filter(None, (type(error).__name__, message)))}") from error


def _listed(factors: set[float]) -> str:
    return " and ".join(f"{factor:g}" for factor in sorted(factors))


class RandomNumbers:
    """Tells whether random numbers were drawn since it was made: torch's, Python's or numpy's."""

    def __init__(self):
        """Remember where the generators are."""
        self._before = _states()

    def were_drawn(self) -> bool:
        """Compare.

        Returns:
            Whether any generator has moved.
        """
        return self._before != _states()


def _states() -> tuple:
    found = [torch.get_rng_state().numpy().tobytes(), hash(random.getstate())]
    if torch.cuda.is_initialized():
        found += [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()]
    if "numpy" in sys.modules:
        found.append(repr(sys.modules["numpy"].random.get_state()[2:]))
        found.append(sys.modules["numpy"].random.get_state()[1].tobytes())
    return tuple(found)
