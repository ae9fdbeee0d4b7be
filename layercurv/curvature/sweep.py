"""One pass over micro-batches, shared by all visitors and layers.

Each micro-batch costs a forward pass, a backward pass per column of the loss Hessian's root if a visitor asks for them,
one more if a visitor asks for the gradient of the loss itself, and one that tells whether samples are independent. No
weight gradients are formed.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch
from torch import nn

from layercurv.curvature.batches import as_batches
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective, require_finite
from layercurv.curvature.proof import prove
from layercurv.curvature.separation import SampleSeparation
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
    batches: Iterable,
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
        loss: The loss; one with a root of its Hessian.
        batches: Micro-batches of any kind that `Batches` takes. Memory holds one micro-batch's activations at a time.
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
        InputError: If there is no micro-batch, or for any of them it is not proven that the layers' per-sample
            gradients are those of the user's own network and loss (see `proof`).
    """
    if torch.is_inference_mode_enabled():
        raise InputError("sweep: visitors made under torch.inference_mode() cannot add up; use torch.no_grad() there")
    loss, batches, names = as_loss(loss), as_batches(batches), [layer.name for layer in layers]
    if any(visitor.needs_root_columns for visitor in visitors) and not hasattr(loss, "root_columns"):
        raise InputError(
            f"sweep: expected a loss with a root of its Hessian, such as CrossEntropy() or SquaredError(), got "
            f"{type(loss).__name__}, which has none"
        )
    with measuring(model, layers) as cast_to:
        objective = Objective(model, loss, cast_to)
        network = network or TracedNetwork(model, layers)
        for index, batch in enumerate(batches):
            if index < first:
                continue
            traced = network.record(objective.prepared(batch))
            reasons = {name: traced.why_not_apart(name) for name in names}
            _raise_first({name: reason for name, reason in reasons.items() if reason is not None})
            _raise_first(prove(objective, network, traced, names).failed)
            generator = torch.Generator().manual_seed(seed * 2**20 + index)
            _raise_first(visit(traced, names, loss, visitors, n_sampled, generator))
            bent = [name for name in names if traced.routes[name].why_not_affine(traced.tape) is not None]
            for visitor in visitors:
                getattr(visitor, "on_bent", lambda _names: None)(bent)
            if after_batch is not None:
                after_batch(index + 1)


def _raise_first(reasons: dict[str, str]) -> None:
    for name, reason in reasons.items():
        raise InputError(f"layer {name}: no per-sample gradients: {reason}")


def visit(
    traced: TracedBatch,
    names: list[str],
    loss: Loss,
    visitors: Sequence[Visitor],
    n_sampled: int | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, str]:
    """Show one micro-batch to the visitors.

    Args:
        traced: The network's operations on it.
        names: The layers.
        loss: The loss.
        visitors: What accumulates.
        n_sampled: As for `sweep`.
        generator: Of sampled columns.

    Returns:
        Layer name to why its samples cannot be told apart, seen only now: what the visitors have of it does not count.
    """
    uses = {name: traced.routes[name].use for name in names}
    ends = {name: use.output for name, use in uses.items()}
    kept = {*ends.values(), *(use.input for use in uses.values())}
    values = traced.tape.replay(traced.batch, kept, ends.values())
    outputs, targets = values[traced.tape.network_output], traced.batch.targets
    require_finite(outputs)
    if (reason := traced.tape.why_not_own(outputs)) is not None:
        return dict.fromkeys(names, reason)
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
        separation = SampleSeparation(applied, traced.tape.eps)
        for visitor in visitors:
            visitor.on_inputs(applied)
        see = [visitor.on_root_column for visitor in visitors if visitor.needs_root_columns]
        for column in _columns(loss, outputs, targets, n_sampled, generator) if see else ():
            separation.next_column(column)
            pull_back(column, [*see, separation.see])
        see = [visitor.on_loss_gradient for visitor in visitors if visitor.needs_loss_gradient]
        if see:
            column = loss.output_gradient(outputs, targets)
            separation.next_column(column)
            pull_back(column, [*see, separation.see])
        for r, column in separation.scaled_columns(traced.n_samples):
            pull_back(column, [functools.partial(separation.compare, r)])
        for visitor in visitors:
            visitor.on_batch_end()
    return separation.reasons


def _columns(loss: Loss, outputs: torch.Tensor, targets, n_sampled: int | None, generator) -> Iterable[torch.Tensor]:
    if n_sampled is None:
        return loss.root_columns(outputs, targets)
    return loss.sampled_columns(outputs, n_sampled, generator, targets)
