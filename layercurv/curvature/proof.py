"""The proof that what a tape holds is the user's own network and loss: two derivatives compared on every micro-batch.

The fast engines work on recorded operations, and on formulas for the loss. Both could differ from what autograd makes
of the user's own code. So on every micro-batch, before an engine's numbers count:

1. The gradient, and the product of the Hessian with a random direction in all measured weights at once, are computed by
   double backpropagation through the user's own forward pass and loss, and through the recorded operations. They must
   be equal layer by layer, as random projections of them tell. Where second derivatives differ in anything, a random
   direction of rank two shows it with probability one. On two samples of the micro-batch; on all of it if there are no
   more, or if the network does something else with two samples than with all. Where weights are in float32, the user's
   own code runs in float64 on the first micro-batch, unless that is small: then agreement to less than 0.2 % tells of
   the precision too. If they do not agree so well, it runs again as it is, and only what differs then has failed.
2. The forward engine, moving all those weights at once along that direction through its own rules, must give the same
   second derivative of the loss. (Not asked of a sweep, which uses no rules.)
3. Gradient and quadratic form of the loss in the outputs must be what torch makes of the loss's value; and, for the
   backward engine, the columns of the root must sum to the quadratic form.

Cost: about 20 forward passes of two samples.
"""

from dataclasses import dataclass

import torch

from layercurv.curvature.batches import Batch
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import OutputLoss
from layercurv.curvature.objective import Objective, told
from layercurv.curvature.recompute import with_little_memory
from layercurv.curvature.rounding import WORTH_A_WARNING, Distance, effect, loses_digits, see_in_double, sketch
from layercurv.curvature.rules import moving_leaves, unsupported
from layercurv.curvature.second_derivatives import RandomDirection, random_directions, see_derivatives
from layercurv.curvature.tangent import Linearization
from layercurv.curvature.tape import Tape
from layercurv.curvature.traced import TracedBatch, TracedNetwork
from layercurv.errors import InputError

_FEW = 2  # samples that are not worth choosing from
# The same operations: equal to rounding, unless they are not the same.
_TOLERANCES = {torch.float32: 1e-3, torch.float64: 1e-7}


@dataclass(frozen=True)
class Proof:
    """What came out on one micro-batch."""

    failed: dict[str, str]  # layer name to reason; empty if all is proven
    is_precise: bool = False  # whether it was seen on the way that float64 gives the same second derivatives


def prove(
    objective: Objective,
    network: TracedNetwork,
    traced: TracedBatch,
    names: list[str],
    needs_root: bool = False,
    uses_rules: bool = False,
    looks_in_double: bool = False,
) -> Proof:
    """Find the layers for which the proof fails on a micro-batch.

    Args:
        objective: The user's network and loss.
        network: The network, traced.
        traced: Its operations on the micro-batch.
        names: The layers.
        needs_root: Whether to look at the root of the loss's Hessian too.
        uses_rules: Whether to look at the rules for operations too.
        looks_in_double: Whether to try the user's code in float64 first: where the recorded operations agree with that,
            both the proof and the precision of the weights are seen at once.

    Returns:
        What failed.

    Raises:
        InputError: If two evaluations of the loss differ.
    """
    try:
        with told("the loss's formulas fail on a micro-batch"):
            reason = why_not_fast_loss(objective, traced, needs_root)
    except InputError as error:
        reason = str(error)
    if reason is not None:
        return Proof(dict.fromkeys(names, reason))
    if traced.drew_random_numbers:
        objective.require_deterministic(traced.batch, objective.sum_loss(traced.batch), drawn=True)
    layers = [layer for layer in network.layers if layer.name in set(names)]
    try:
        few = _few_samples(objective, layers, traced)
        directions = random_directions([layer.weight for layer in layers])
        own = _Comparison(directions)
        replayed = _see_tape(objective, few, layers, directions, own)
        see = own.see_gradient, own.see_product
        if looks_in_double and loses_digits(layers) and see_in_double(objective, layers, directions, few.batch, *see):
            is_precise = effect(own.products.values()) <= WORTH_A_WARNING
            if is_precise and not own.differing(layers):
                reason = _why_rules_fail(objective, few, layers, directions, own) if uses_rules else None
                return Proof(dict.fromkeys(names, reason) if reason else {}, is_precise=True)
        is_long = any(operation.name == "attention" for operation in few.tape.operations)
        weights = [layer.weight for layer in layers]

        def differentiate():
            total = objective.sum_loss(few.batch)
            see_derivatives(total, weights, directions, *see)
            return total.detach()

        total = with_little_memory(differentiate) if is_long else differentiate()
    except InputError as error:
        return Proof(dict.fromkeys(names, f"the proof failed: {error}"))
    if not _is_close((replayed - total).abs(), total.abs(), total.dtype):
        objective.require_deterministic(few.batch, total, drawn=False)
        return Proof(dict.fromkeys(names, "the recorded operations do not give the network's own output"))
    found = own.differing(layers)
    if uses_rules and not found:
        reason = _why_rules_fail(objective, few, layers, directions, own)
        found = dict.fromkeys(names, reason) if reason else {}
    return Proof(found)


class _Comparison:
    """Derivatives of the user's own code beside those of the recorded operations; only sketches of them are kept."""

    def __init__(self, directions: list[RandomDirection]):
        """Begin.

        Args:
            directions: Of each layer.
        """
        self._directions = directions
        self._taped: tuple[dict[int, torch.Tensor], dict[int, torch.Tensor]] = ({}, {})
        self._gradients: dict[int, Distance] = {}
        self.products: dict[int, Distance] = {}  # by the layer's place
        self.along: dict[int, float] = {}  # the products' parts along the directions

    def keep_gradient(self, place: int, gradient: torch.Tensor) -> None:
        """Keep a gradient to compare with.

        Args:
            place: Of the layer.
            gradient: By the recorded operations.
        """
        self._taped[0][place] = sketch(gradient)

    def keep_product(self, place: int, product: torch.Tensor) -> None:
        """Keep a product to compare with.

        Args:
            place: Of the layer.
            product: By the recorded operations.
        """
        self._taped[1][place] = sketch(product)

    def see_gradient(self, place: int, gradient: torch.Tensor) -> None:
        """Compare a gradient.

        Args:
            place: Of the layer.
            gradient: By the user's own code.
        """
        self._gradients[place] = self._distance(0, place, gradient)

    def see_product(self, place: int, product: torch.Tensor) -> None:
        """Compare a product.

        Args:
            place: Of the layer.
            product: By the user's own code.
        """
        self.products[place] = self._distance(1, place, product)
        self.along[place] = float(self._directions[place].along(product))

    def differing(self, layers: list[WeightLayer]) -> dict[str, str]:
        """Find where they are not the same.

        Args:
            layers: The layers.

        Returns:
            Layer name to reason.
        """
        return {
            layer.name: "double backpropagation of the network itself gives other derivatives than the recorded "
            "operations"
            for place, layer in enumerate(layers)
            if not self._is_same(place, layer.weight.dtype)
        }

    def _distance(self, order: int, place: int, derivative: torch.Tensor) -> Distance:
        exact = sketch(derivative)
        return Distance.of(self._taped[order].get(place, torch.zeros_like(exact)), exact)

    def _is_same(self, place: int, dtype: torch.dtype) -> bool:
        gradient, product = self._gradients[place], self.products[place]
        floor = 10 * torch.finfo(dtype).eps * gradient.size
        return _is_close(gradient.difference, gradient.size, dtype) and _is_close(
            product.difference, product.size + floor, dtype
        )


def _see_tape(
    objective: Objective, few: TracedBatch, layers: list[WeightLayer], directions: list, own: _Comparison
) -> torch.Tensor:
    # The loss of the recorded operations; its derivatives are shown to `own`.
    outputs, copies = _replayed(few.tape, few.batch, [layer.weight for layer in layers])
    with told("the loss fails on a part of the micro-batch"):
        total = objective.of_outputs(outputs, few.batch)
    see_derivatives(total, copies, directions, own.keep_gradient, own.keep_product)
    return total.detach()


def _why_rules_fail(
    objective: Objective, few: TracedBatch, layers: list[WeightLayer], directions: list, own: _Comparison
) -> str | None:
    # Of weights that take part and can be followed together.
    places = {layer.name: k for k, layer in enumerate(layers) if few.routes[layer.name].start is not None}
    moving = set().union(*(few.routes[name].values for name in places))
    operations = [
        few.tape.operations[p] for p in sorted(set().union(*(few.routes[name].operations for name in places)))
    ]
    if any(unsupported(o, moving_leaves(o, moving), few.tape) for o in operations):
        return None
    linear = Linearization(few, list(places), objective.loss, by_sample=False)
    with torch.no_grad():
        moved = {name: directions[k].tensor(layers[k].weight.dtype)[None] for name, k in places.items()}
        found = linear.jointly(moved)
    h = float(found.ggn.sum() + found.bends.sum() + found.shared_bends.sum())
    expected = sum(own.along[k] for k in places.values())
    size = sum(own.products[k].size for k in places.values())  # the directions have length one
    if _is_close(abs(h - expected), size, layers[0].weight.dtype, few.tape.eps):
        return None
    return f"the rules for operations give {h:.6g} along a random direction, double backpropagation {expected:.6g}"


def why_not_fast_loss(objective: Objective, traced: TracedBatch, needs_root: bool) -> str | None:
    """Compare the formulas for a loss with its value's own derivatives.

    Args:
        objective: The user's network and loss.
        traced: The network's operations on a micro-batch.
        needs_root: Whether to look at the root of the loss's Hessian too.

    Returns:
        Why they do not hold; None if they do.
    """
    loss, outputs, targets = objective.loss, traced.tape.output, traced.batch.targets
    name = type(loss).__name__
    if not torch.isfinite(outputs).all():
        return "the network's output holds NaN or infinity; check inputs and weights"
    if not hasattr(loss, "quadratic_form"):
        return f"{name} is measured by double backpropagation only"
    reason = loss.why_not_fast(outputs, targets) if hasattr(loss, "why_not_fast") else None
    if reason is not None or isinstance(loss, OutputLoss):
        return reason
    exact = OutputLoss(loss.sum_loss, "sum")
    t = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0), dtype=outputs.dtype).to(outputs.device)
    with torch.no_grad():
        gradient, form = exact.output_gradient(outputs, targets), exact.quadratic_form(outputs, t[None], targets).sum()
        size = form.abs() + torch.finfo(t.dtype).eps * t.square().sum()
        found = loss.output_gradient(outputs, targets)
        rounding = torch.finfo(t.dtype).eps * len(outputs)
        if not _is_close((found - gradient).norm(), gradient.norm() + rounding, t.dtype):
            return f"{name}.output_gradient is not the gradient of its sum_loss"
        by_sample = loss.quadratic_form(outputs, t[None], targets)
        if not _is_close((by_sample.sum() - form).abs(), size, t.dtype):
            return f"{name}.quadratic_form is not the second derivative of its sum_loss"
        if needs_root:
            squares = sum((column * t).flatten(1).sum(1).square() for column in loss.root_columns(outputs, targets))
            if not _is_close((squares - by_sample[0]).norm(), size, t.dtype):
                return f"{name}.root_columns are not a root of its quadratic_form"
    return None


def _few_samples(objective: Objective, layers: list[WeightLayer], traced: TracedBatch) -> TracedBatch:
    # The weights move from where they are first read, not from where they are applied.
    network = TracedNetwork(objective.model, layers, frozenset(layer.name for layer in layers))
    few = network.part(traced, [0, traced.n_samples // 2]) if traced.n_samples > _FEW else None
    return few or network.retrace(traced)


def _replayed(tape: Tape, batch: Batch, weights: list[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
    found = [tape.index_of(weight) for weight in weights]
    used = [index for index in found if index is not None]
    values = tape.replay(batch, used, used)
    return values[tape.network_output], [None if index is None else values[index] for index in found]


def _is_close(
    difference: float | torch.Tensor, size: float | torch.Tensor, dtype: torch.dtype, eps: float = 0.0
) -> bool:
    tolerance = max(_TOLERANCES.get(dtype, 1e-3), min(1e4 * eps, 0.1))
    return bool(difference <= tolerance * size + torch.finfo(dtype).tiny)
