"""Which engine measures which layer: the cheapest of those that are exact, by a count of arithmetic.

Costs are counted in multiplications per micro-batch. `ggn` pays one backward pass per column of the loss Hessian's
root, down to the first layer it measures; its layers share the columns. `tangent` pays, for each layer by itself, K
forward passes of what lies behind it. So few classes speak for `ggn`, many classes or late layers for `tangent`.
"""

import math
from dataclasses import dataclass

from layercurv.curvature.directions import Directions
from layercurv.curvature.losses import Loss
from layercurv.curvature.tape import Operation, Tape
from layercurv.curvature.traced import TracedBatch
from layercurv.errors import InputError

# An entry written by an operation that is no product takes as long as so many multiplications. Measured on CPU cores
# (ResNet-18, ViT-Tiny, GPT-2): 10 to 40; the choice of engine hardly depends on it.
MULTIPLICATIONS_PER_ENTRY = 20


@dataclass(frozen=True)
class Plan:
    """Which engine measures which layer."""

    engines: dict[str, str]  # layer name to engine
    reasons: dict[str, str]  # layer name to why `ggn` or `tangent` is not exact there; else left out


def plan(traced: TracedBatch, loss: Loss, directions: dict, engine: str) -> Plan:
    """Choose an engine for each layer.

    Args:
        traced: The network at a micro-batch.
        loss: The loss.
        directions: Layer name to directions.
        engine: "auto", or the engine that must be used.

    Returns:
        The plan.

    Raises:
        InputError: If an engine must be used and is not exact for some layer.
    """
    not_ggn = {name: reason for name in directions if (reason := why_not(traced, loss, name, directions[name], "ggn"))}
    not_tangent = {
        name: reason for name in directions if (reason := why_not(traced, loss, name, directions[name], "tangent"))
    }
    for required, reasons in (("ggn", not_ggn), ("tangent", not_tangent)):
        if engine == required:
            for name, reason in reasons.items():
                raise InputError(not_exact(name, engine, reason))
            return Plan(dict.fromkeys(directions, engine), not_ggn)
    engines = dict.fromkeys(not_tangent, "double_backward")
    engines |= {name: "tangent" for name in directions if name in not_ggn and name not in not_tangent}
    free = {name: len(directions[name]) for name in directions if name not in not_ggn}
    by_ggn = cheapest(*_estimates(traced, loss, free), runs_anyway="tangent" in engines.values())
    engines |= {name: "ggn" if name in by_ggn else "tangent" for name in free}
    return Plan(engines, not_ggn | not_tangent)


def why_not(traced: TracedBatch, loss: Loss, name: str, directions, engine: str) -> str | None:
    """Say why an engine is not exact for a layer, as far as the operations tell.

    Args:
        traced: The network at a micro-batch.
        loss: The loss.
        name: The layer.
        directions: Its directions.
        engine: "ggn" or "tangent"; any other is always exact.

    Returns:
        The reason; None if there is none.
    """
    route = traced.routes[name]
    if engine == "tangent":
        if not hasattr(loss, "quadratic_form"):
            return f"{type(loss).__name__} is measured by double backpropagation only"
        return route.why_not_differentiable(traced.tape)
    if engine == "ggn":
        if not hasattr(loss, "root_columns"):
            return f"{type(loss).__name__} has no root of its Hessian"
        if not isinstance(directions, Directions):
            return "its directions are not of the form u v^T"
        return route.why_not_affine(traced.tape) or traced.why_not_apart(name)
    return None


def not_exact(name: str, engine: str, reason: str) -> str:
    """Word the error for an engine that was asked for.

    Args:
        name: The layer.
        engine: The engine.
        reason: Why it is not exact.

    Returns:
        The message.
    """
    return f"layer {name}: the {engine} engine is not exact here: {reason}; use engine='auto'"


@dataclass(frozen=True)
class Estimate:
    """What measuring one layer costs, in multiplications per micro-batch."""

    columns: float  # `ggn`: all columns pulled back as far as this layer
    projections: float  # `ggn`: the columns projected on the layer's directions
    tangents: float  # `tangent`: the layer's directions pushed to the output


def cheapest(estimates: dict[str, Estimate], forward: float, runs_anyway: bool) -> set[str]:
    """Choose the layers that `ggn` should measure; `tangent` measures the others.

    Every layer is tried as the first of `ggn`: those behind it take what is cheaper for each, those before `tangent`.

    Args:
        estimates: By layer name, first layer of the network first.
        forward: What one forward pass costs, which `tangent` needs once.
        runs_anyway: Whether `tangent` is needed for other layers too.

    Returns:
        Names of the layers for `ggn`.
    """
    names = list(estimates)
    options = [set()]
    for first, name in enumerate(names):
        behind = {n for n in names[first + 1 :] if estimates[n].projections < estimates[n].tangents}
        options += [behind | {name}, set(names[first:])]

    def total(by_ggn: set[str]) -> float:
        columns = max((estimates[name].columns for name in by_ggn), default=0.0)
        once = forward if runs_anyway or len(by_ggn) < len(names) else 0.0
        each = (e.projections if name in by_ggn else e.tangents for name, e in estimates.items())
        return columns + once + sum(each)

    return min(options, key=total)


def _estimates(traced: TracedBatch, loss: Loss, n_directions: dict[str, int]) -> tuple[dict[str, Estimate], float]:
    tape = traced.tape
    costs = [_cost(operation, tape) for operation in tape.operations]
    if not n_directions:
        return {}, 0.0
    n_columns = loss.n_root_columns(tape.shapes[tape.network_output], traced.batch.targets)
    found = {}
    for name in sorted(n_directions, key=lambda name: traced.routes[name].use.position):
        route, K = traced.routes[name], n_directions[name]
        behind = sum(costs[position] for position in route.operations)
        entries = math.prod(tape.shapes[route.use.output])
        found[name] = Estimate(n_columns * behind, n_columns * entries * K, K * (behind + entries))
    return found, sum(costs)


def multiplications(operation: Operation, tape: Tape) -> int:
    """Count the multiplications of a matrix product or convolution.

    Args:
        operation: The operation.
        tape: Its tape.

    Returns:
        The count; 0 for all other operations.
    """
    shapes = [tape.shapes[index] for index in operation.inputs]
    inner = {
        "convolution": lambda: math.prod(shapes[1][1:]),
        "mm": lambda: shapes[0][-1],
        "bmm": lambda: shapes[0][-1],
        "addmm": lambda: shapes[-1][-2],
        "baddbmm": lambda: shapes[-1][-2],
        "attention": lambda: (
            shapes[0][2] * shapes[1][2] // shapes[2][2] + shapes[1][2]
        ),  # [n, i, d], [n, d, j], [n, j, e]
    }.get(operation.name, lambda: 0)
    return math.prod(tape.shapes[operation.outputs[0]]) * inner() if operation.outputs else 0


def _cost(operation: Operation, tape: Tape) -> float:
    entries = math.prod(tape.shapes[operation.outputs[0]]) if operation.outputs else 0
    return multiplications(operation, tape) or entries * MULTIPLICATIONS_PER_ENTRY
