"""Directional curvature of many layers in one call.

Each layer is measured by the cheapest engine that the recorded operations allow (`cost`). On every micro-batch it is
then proven that what the engine works on is the user's own network and loss (`proof`). Where the proof fails for a
layer, what was measured of it is dropped and the next engine measures it, at last `double_backward`, which needs no
proof; a log line tells which, why and at what cost.
"""

import logging
from collections.abc import Iterable

import torch
from torch import nn

from layercurv.curvature.batches import Batch, Batches, as_batches, of_inputs
from layercurv.curvature.cost import not_exact, plan, why_not
from layercurv.curvature.directions import Directions, TensorDirections
from layercurv.curvature.double_backward import double_backward_curvature
from layercurv.curvature.ggn import GGNCurvature
from layercurv.curvature.layer_curvature import LayerCurvature
from layercurv.curvature.losses import BatchLoss, Loss, as_loss
from layercurv.curvature.measuring import measuring, require_eval_mode
from layercurv.curvature.moves import Moves
from layercurv.curvature.objective import Objective
from layercurv.curvature.proof import prove
from layercurv.curvature.rounding import warn_if_imprecise
from layercurv.curvature.sweep import visit
from layercurv.curvature.tangent import TangentCurvature
from layercurv.curvature.traced import TracedBatch, TracedNetwork
from layercurv.errors import InputError

ENGINES = ("auto", "double_backward", "ggn", "tangent")
FAST = ("ggn", "tangent")
_MANY = 16  # samples of a micro-batch
_NEXT = {"ggn": "tangent", "tangent": "double_backward"}
_LOG = logging.getLogger(__name__)


def directional_curvature(
    model: nn.Module,
    loss: Loss | nn.CrossEntropyLoss,
    batches: Iterable,
    directions: dict,
    engine: str = "auto",
    slopes: bool = False,
) -> dict[str, LayerCurvature]:
    """Measure h_k = <D_k, H D_k> for every layer or parameter that has directions, D_k = u_k v_k^T or any tensor.

    The result is what double backpropagation of the user's own loss gives, in the precision of the weights (a warning
    tells where that loses more than 0.2 %); or one `InputError`. The network is left as it was.

    Args:
        model: The network, in eval mode. One in half precision is measured with its weights in float32.
        loss: The loss, of any kind that `losses.as_loss` takes; its mean over all samples is what is differentiated.
        batches: Micro-batches of any kind that `batches.Batches` takes, the same at every pass.
        directions: Name of a layer or parameter to `Directions`, a pair (left, right), or tensors shaped like the
            weight; or any name to `JointDirections` of several.
        engine: "double_backward", the reference, exact for any network; "ggn", for all layers at once, refused where it
            is not exact; "tangent", exact wherever every operation behind the layer has a rule; "auto", for each
            layer the cheapest of those that are exact (see `cost`).
        slopes: Whether to measure the per-sample slopes as well; free with "tangent", one backward pass with "ggn".

    Returns:
        Layer name to curvature; each says which engine measured it.

    Raises:
        InputError: If the engine is unknown or not exact for some layer, or directions do not fit a layer.

    Example:
        >>> from layercurv.curvature import SquaredError, gradient_directions, weight_layers
        >>> model, x, y = torch.nn.Linear(2, 1, bias=False), torch.eye(2), torch.ones(2, 1)
        >>> found = gradient_directions(model, SquaredError(), [(x, y)], weight_layers(model), top_k=1)
        >>> h = directional_curvature(model, SquaredError(), [(x, y)], found)[""].curvatures
        >>> round(h.item(), 6)  # v^T E[x x^T] v with E[x x^T] = I/2
        0.5
    """
    if engine not in ENGINES:
        raise InputError(f"unknown curvature engine {engine!r}; expected one of: {', '.join(ENGINES)}")
    loss, batches = as_loss(loss), as_batches(batches)
    require_eval_mode(model)
    first, moves = batches.first(), Moves(model, directions)
    with measuring(model, moves.layers) as cast_to:
        study = _Study(Objective(model, loss, cast_to), moves, slopes)
        found = study.by_fast_engines(first, batches, engine)
        study.log()
        found |= study.by_double_backward(batches, [name for name in directions if name not in found])
        if not study.is_precise or any(curvature.engine not in FAST for curvature in found.values()):
            warn_if_imprecise(study.objective, moves.layers, first)
    return {name: found[name] for name in directions}


def chosen_engines(
    model: nn.Module,
    loss: Loss | nn.CrossEntropyLoss,
    inputs: torch.Tensor,
    directions: dict[str, Directions],
    engine: str = "auto",
) -> dict[str, str]:
    """Say which engine `directional_curvature` would begin with for each layer.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        inputs: Of a micro-batch, or all of it.
        directions: Layer name to directions.
        engine: As for `directional_curvature`.

    Returns:
        Layer name to engine. Where the proof fails on some micro-batch, another engine will measure.

    Raises:
        InputError: If the engine is not exact for some layer.
    """
    moves = Moves(model, directions)
    with measuring(model, moves.layers) as cast_to:
        study = _Study(Objective(model, as_loss(loss), cast_to), moves, slopes=False)
        chosen = study.plan(of_inputs(inputs), engine)
    return {name: chosen.get(name, "double_backward") for name in directions}


class _Study:
    """One measurement: what goes to which engine, and why."""

    def __init__(self, objective: Objective, moves: Moves, slopes: bool):
        self.objective, self._moves, self._slopes = objective, moves, slopes
        whole = frozenset(name for name, given in moves.single.items() if isinstance(given, TensorDirections))
        self._network = TracedNetwork(objective.model, moves.layers, whole)
        self._planned: TracedBatch | None = None  # the first micro-batch, until it is measured
        self.is_precise: bool | None = None  # whether float64 gives what is on the first tape; None if not looked at
        self._changed: dict[str, tuple[str, str]] = {}  # layer name to the engine it has come to, and why

    def plan(self, batch: Batch, engine: str) -> dict[str, str]:
        """Choose engines by the operations on one micro-batch.

        Returns:
            Layer name to engine.

        Raises:
            InputError: If an engine was asked for and is not exact.
        """
        engines = dict.fromkeys(self._moves.single, "double_backward")
        if engine == "double_backward":
            return engines
        if engine == "auto" and isinstance(self.objective.loss, BatchLoss):  # may call the network in a way of its own
            reason = f"{type(self.objective.loss).__name__} is measured by double backpropagation only"
            self._changed |= {name: ("double_backward", reason) for name in engines}
            return engines
        try:
            traced = self._network.record(self.objective.prepared(batch))
        except InputError as error:
            if engine != "auto":
                raise
            self._changed |= {name: ("double_backward", str(error)) for name in engines}
            return engines
        self._planned = traced
        found = plan(traced, self.objective.loss, self._moves.single, engine)
        left = [name for name in engines if found.engines[name] == "double_backward"]
        self._changed |= {name: ("double_backward", found.reasons[name]) for name in left}
        return found.engines

    def by_fast_engines(self, first: Batch, batches: Batches, engine: str) -> dict[str, LayerCurvature]:
        """Measure what the fast engines are proven to measure exactly.

        Returns:
            Name to curvature, of what they measured.

        Raises:
            InputError: If an engine was asked for and is not exact.
        """
        engines, found = self.plan(first, engine), {}
        while engines := {name: chosen for name, chosen in engines.items() if chosen in FAST}:
            measured, failed = self._one_pass(batches, engines)
            found |= measured
            if engine != "auto" and failed:
                name, reason = next(iter(failed.items()))
                raise InputError(not_exact(name, engine, reason))
            engines = {name: _NEXT[engines[name]] for name in failed}
            self._changed |= {name: (engines[name], failed[name]) for name in failed}
        return found

    def by_double_backward(self, batches: Batches, names: list[str]) -> dict[str, LayerCurvature]:
        """Measure the rest by the reference.

        Returns:
            Name to curvature.
        """
        if not names:
            return {}
        some = {name: self._moves.given[name] for name in names}
        layers = self._moves.layers_of(names)
        return double_backward_curvature(self.objective.model, self.objective.loss, batches, some, layers)

    def log(self) -> None:
        """Tell which layers have left the engine that was planned; one line for each engine and reason."""
        for engine, reason in dict.fromkeys(self._changed.values()):
            names = [name for name, change in self._changed.items() if change == (engine, reason)]
            n_directions = sum(len(self._moves.single[name]) for name in names)
            each = {"tangent": "forward pass", "double_backward": "double backpropagation"}[engine]
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            _LOG.warning(
                "layers %s: measured by %s, for %s. Cost: %d directions, one %s each, per micro-batch",
                *(shown, engine, reason, n_directions, each),
            )

    def _one_pass(self, batches: Batches, engines: dict[str, str]) -> tuple[dict, dict[str, str]]:
        """Go through the micro-batches; what is not proven on one of them fails, by name and reason.

        Returns:
            What is complete; and what failed.
        """
        of = {engine: [name for name in engines if engines[name] == engine] for engine in FAST}
        loss, single = self.objective.loss, self._moves.single
        ggn = GGNCurvature(self._moves.layers_of(of["ggn"]), single, self._slopes)
        tangent = TangentCurvature(loss, single, self._moves.layers_of(of["tangent"]))
        failed: dict[str, str] = {}
        for batch in map(self.objective.prepared, batches):
            try:
                traced, self._planned = self._planned or self._network.record(batch), None
            except InputError as error:
                return {}, dict.fromkeys(engines, str(error))
            self.objective.weigh(traced.n_samples, len(traced.tape.output))
            failed |= self._unproven(traced, {name: e for name, e in engines.items() if name not in failed})
            by_ggn, by_tangent = ([name for name in of[engine] if name not in failed] for engine in FAST)
            if by_ggn:
                failed |= visit(traced, by_ggn, loss, [ggn])
            failed |= tangent.add(traced, by_tangent)
            if len(failed) == len(engines):
                break
        complete = ggn.result()
        done = {name: complete[name] for name in of["ggn"] if name not in failed}
        done |= {name: tangent.result(name) for name in of["tangent"] if name not in failed}
        not_finite = [name for name, found in done.items() if not found.curvatures.isfinite().all()]
        failed |= dict.fromkeys(not_finite, "its second derivatives are NaN or infinite")
        return {name: found for name, found in done.items() if name not in failed}, failed

    def _unproven(self, traced: TracedBatch, engines: dict[str, str]) -> dict[str, str]:
        loss, single = self.objective.loss, self._moves.single
        reasons = {name: why_not(traced, loss, name, single[name], engine) for name, engine in engines.items()}
        found = {name: reason for name, reason in reasons.items() if reason is not None}
        left = [name for name in engines if name not in found]
        if not left:
            return found
        needs_root = any(engines[name] == "ggn" for name in left)
        # Of a small micro-batch two samples twice backpropagated in float64 would take more memory than all the rest.
        is_all = len(left) == len(self._moves.layers)
        looks_in_double = self.is_precise is None and is_all and traced.n_samples >= _MANY
        proof = prove(self.objective, self._network, traced, left, needs_root, True, looks_in_double)
        if self.is_precise is None:
            self.is_precise = proof.is_precise
        return found | proof.failed
