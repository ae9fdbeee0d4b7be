"""One pass over micro-batches, shared by all visitors and layers.

Each micro-batch costs a forward pass, a backward pass per column of the loss Hessian's root, and one more if a visitor
asks for the gradient of the loss itself. No weight gradients are formed.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import nn

from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import Loss
from layercurv.curvature.tape import LayerTape, frozen
from layercurv.errors import InputError


class Visitor(Protocol):
    """What accumulates over a sweep. Called in this order for each micro-batch; columns repeat."""

    needs_loss_gradient: bool  # without such a visitor that backward pass is left out

    def on_inputs(self, inputs: dict[str, torch.Tensor]) -> None:
        """See the layers' inputs."""

    def on_root_column(self, gradients: dict[str, torch.Tensor]) -> None:
        """See one column of the loss Hessian's root, pulled back to the layers' outputs."""

    def on_loss_gradient(self, gradients: dict[str, torch.Tensor]) -> None:
        """See the gradient of the per-sample loss at the layers' outputs."""

    def on_batch_end(self) -> None:
        """Fold the micro-batch into the sums."""


def sweep(
    model: nn.Module,
    loss: Loss,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    layers: list[WeightLayer],
    visitors: Sequence[Visitor],
    first: int = 0,
    after_batch: Callable[[int], None] | None = None,
) -> None:
    """Feed all visitors from one pass over the micro-batches.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batches: Micro-batches (inputs, targets). Memory holds one micro-batch's activations at a time.
        layers: The layers visitors ask about.
        visitors: What accumulates.
        first: Index of the first micro-batch to visit, when earlier ones are already in the visitors' sums.
        after_batch: Called with the number of finished micro-batches after each.

    Raises:
        InputError: If there is no micro-batch.
    """
    if not batches:
        raise InputError("expected at least one micro-batch, got none")
    tape = LayerTape(layers)
    with frozen(model):
        for index in range(first, len(batches)):
            _visit(model, loss, batches[index], tape, visitors)
            if after_batch is not None:
                after_batch(index + 1)


def _visit(model: nn.Module, loss: Loss, batch: tuple, tape: LayerTape, visitors: Sequence[Visitor]) -> None:
    inputs, targets = batch
    outputs = tape.record(model, inputs)
    with torch.no_grad():
        for visitor in visitors:
            visitor.on_inputs(tape.inputs)
        for column in loss.hessian_root(outputs):
            gradients = tape.output_gradients(outputs, column)
            for visitor in visitors:
                visitor.on_root_column(gradients)
        if any(visitor.needs_loss_gradient for visitor in visitors):
            gradients = tape.output_gradients(outputs, loss.output_gradient(outputs, targets))
            for visitor in visitors:
                visitor.on_loss_gradient(gradients)
        for visitor in visitors:
            visitor.on_batch_end()
