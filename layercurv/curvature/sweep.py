"""One pass over micro-batches, shared by all visitors and layers.

Each micro-batch costs a forward pass, a backward pass per column of the loss Hessian's root if a visitor asks for them,
and one more if a visitor asks for the gradient of the loss itself. No weight gradients are formed.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch
from torch import nn

from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import Loss
from layercurv.curvature.precision import full_precision
from layercurv.curvature.traced import TracedBatch, TracedNetwork
from layercurv.curvature.uses import AppliedLayer
from layercurv.errors import InputError

Gradients = dict[str, torch.Tensor]  # layer name to the gradient at the output of the operation that applies its weight


class Visitor(Protocol):
    """What accumulates over a sweep. Called in this order for each micro-batch; columns repeat.

    Gradients come layer by layer, each once per column.
    """

    needs_root_columns: bool  # without such a visitor those backward passes are left out
    needs_loss_gradient: bool

    def on_inputs(self, applied: dict[str, AppliedLayer]) -> None:
        """See the layers' inputs, by layer name."""

    def on_root_column(self, gradients: Gradients) -> None:
        """See one column of the loss Hessian's root, pulled back to the layers' outputs."""

    def on_loss_gradient(self, gradients: Gradients) -> None:
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
    network: TracedNetwork | None = None,
    n_sampled: int | None = None,
    seed: int = 0,
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
        network: The traced network, if there is one already.
        n_sampled: None for all columns of the loss Hessian's root; a number for so many random ones, where there are
            too many (a language model has tokens times vocabulary of them). What sums over columns is then an unbiased
            estimate.
        seed: Of the random columns, which depend on it and on the micro-batch's index only.

    Raises:
        InputError: If there is no micro-batch, or a layer's inputs cannot be told apart by sample.
    """
    if not batches:
        raise InputError("expected at least one micro-batch, got none")
    network = network or TracedNetwork(model, layers)
    names = [layer.name for layer in layers]
    for index in range(first, len(batches)):
        inputs, targets = batches[index]
        traced = network.at(inputs)
        for name in names:
            reason = traced.why_not_apart(name)
            if reason is not None:
                raise InputError(f"layer {name}: no per-sample gradients: {reason}")
        with full_precision():
            generator = torch.Generator().manual_seed(seed * 2**20 + index)
            columns = functools.partial(_columns, loss, n_sampled, generator)
            outputs = _visit(traced, names, loss, targets, visitors, columns)
        if index == len(batches) - 1 and index > first:
            network.require_faithful(inputs, outputs)
        if after_batch is not None:
            after_batch(index + 1)


def _columns(loss: Loss, n_sampled: int | None, generator: torch.Generator, outputs: torch.Tensor):
    if n_sampled is None:
        return loss.root_columns(outputs)
    return loss.sampled_columns(outputs, n_sampled, generator)


def _visit(
    traced: TracedBatch,
    names: list[str],
    loss: Loss,
    targets: torch.Tensor,
    visitors: Sequence[Visitor],
    columns: Callable[[torch.Tensor], Iterable[torch.Tensor]],
) -> torch.Tensor:
    uses = {name: traced.routes[name].use for name in names}
    ends = {name: use.output for name, use in uses.items()}
    values = traced.tape.replay(traced.inputs, {*ends.values(), *(u.input for u in uses.values())}, ends.values())
    outputs = values[traced.tape.network_output]
    require_finite(outputs)

    first = [values[end] for end in ends.values() if values[end].is_leaf]

    def pull_back(column: torch.Tensor, see: list[Callable[[Gradients], None]]) -> None:
        # Hooks hand each layer's gradient on while it is there: no more than a few are in memory at a time.
        def hand_on(name: str, gradient: torch.Tensor) -> None:
            for look in see:
                look({name: gradient})

        hooks = [values[end].register_hook(functools.partial(hand_on, name)) for name, end in ends.items()]
        torch.autograd.grad(outputs, first, column, retain_graph=True)
        for hook in hooks:
            hook.remove()

    with torch.no_grad():
        applied = {name: AppliedLayer(use, values[use.input], traced.n_samples) for name, use in uses.items()}
        for visitor in visitors:
            visitor.on_inputs(applied)
        see = [visitor.on_root_column for visitor in visitors if visitor.needs_root_columns]
        for column in columns(outputs) if see else ():
            pull_back(column, see)
        see = [visitor.on_loss_gradient for visitor in visitors if visitor.needs_loss_gradient]
        if see:
            pull_back(loss.output_gradient(outputs, targets), see)
        for visitor in visitors:
            visitor.on_batch_end()
    return outputs.detach()


def require_finite(outputs: torch.Tensor) -> None:
    """Raise if a network's output is not finite.

    Args:
        outputs: The output.

    Raises:
        InputError: If it holds NaN or infinity.
    """
    if not torch.isfinite(outputs).all():
        raise InputError("the network's output holds NaN or infinity; check inputs and weights")
