"""The forward engine: h_k by pushing K tangents through what follows the layer. Exact for smooth networks.

Let t_j be the derivative of value j of the forward pass along u_k v_k^T, f the network's output, and w_j the gradient
of the loss in value j. Then

    h_k = t_f^T L'' t_f + sum_j w_j . f_j''[t, t]

over all operations j behind the layer. The first term is the GGN value. In the second, f_j'' is the second derivative
of one operation in its arguments; it vanishes for affine ones. The w_j come from one ordinary backward pass and serve
all layers and directions, so a direction costs one forward pass of first derivatives through the part of the network
behind the layer. Double backpropagation, or forward-over-reverse, takes that part several times over.

The sum over operations is how edge pushing assembles a Hessian (Gower and Mello 2012, Optim. Methods Softw. 27, 251).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch.utils._pytree import tree_map

from layercurv.curvature.derivatives import Point, Push
from layercurv.curvature.directions import Directions
from layercurv.curvature.layer_curvature import LayerCurvature
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import Loss
from layercurv.curvature.precision import full_precision
from layercurv.curvature.rules import RULES, moving_leaves
from layercurv.curvature.sweep import require_finite
from layercurv.curvature.tape import Value
from layercurv.curvature.traced import Route, TracedBatch, TracedNetwork

_TEMPORARIES = 3  # tensors as large as the tangents that one operation may hold at a time
_LARGEST_BYTES = 16 * 2**20  # larger tangents are slower on CPUs (glibc maps them anew each time), not faster on GPUs


@dataclass(frozen=True)
class Directional:
    """How the loss of each sample changes along K directions of one weight, in float64."""

    slopes: torch.Tensor  # [K, N], first derivatives
    ggn: torch.Tensor  # [K, N]
    bends: torch.Tensor  # [K, N], what h has beyond the GGN value
    shared_bends: torch.Tensor  # [K], the part of it that cannot be told apart by sample


class Linearization:
    """A network at one micro-batch, ready to move tangents."""

    def __init__(self, traced: TracedBatch, layers: list[str], loss: Loss, targets: torch.Tensor):
        """Run the network once forward and once backward.

        Args:
            traced: The network's operations on the micro-batch's inputs.
            layers: Names of the layers that will be asked for.
            loss: The loss.
            targets: Of the micro-batch.
        """
        self._traced, self._loss, tape = traced, loss, traced.tape
        self._routes = {name: traced.routes[name] for name in layers}
        moving = set().union(*(r.values for r in self._routes.values()))
        positions = sorted(set().union(*(r.operations for r in self._routes.values())))
        leaves = {p: moving_leaves(tape.operations[p], moving) for p in positions}
        bent = [p for p in positions if not RULES[tape.operations[p].name].is_affine(leaves[p])]
        read = {p: _values_read(tape.operations[p], leaves[p]) for p in positions}
        applied = {r.use.input for r in self._routes.values() if r.use is not None}
        kept = applied.union((tape.operations[p].outputs[0] for p in bent), *read.values())
        values = tape.replay(traced.inputs, kept, {r.start for r in self._routes.values()})
        output = values[tape.network_output]
        self.outputs = output.detach()
        self._output_gradient = loss.output_gradient(self.outputs, targets)
        adjoints = _adjoints(output, [values[tape.operations[p].outputs[0]] for p in bent], self._output_gradient)
        weighted = dict(zip(bent, adjoints, strict=True))
        # The graph is not needed any more; what each operation keeps for its tangents takes the place of what it read.
        values = {index: values[index].detach() for index in applied.union(*read.values())}
        del output, adjoints
        self._values = {index: values[index] for index in applied}
        last_read = {index: p for p in positions for index in read[p]}
        self._push = {}
        for p in positions:
            self._push[p] = self._prepare(p, leaves[p], weighted.pop(p, None), values, read[p])
            for index in read[p]:
                if last_read[index] == p:
                    del values[index]

    def along(self, name: str, left: torch.Tensor, right: torch.Tensor) -> Directional:
        """Move one layer's weight along K directions u_k v_k^T.

        Args:
            name: The layer.
            left: Columns u_k, [m, K].
            right: Columns v_k, [n, K].

        Returns:
            What that does to the loss.
        """
        route, output = self._routes[name], self._traced.tape.network_output
        bends = left.new_zeros(left.shape[1], self._traced.n_samples, dtype=torch.float64)
        shared = torch.zeros_like(bends[:, 0])
        tangents = {route.start: self._first_tangent(route, left, right)}
        last_use = {index: p for p in route.operations for index in self._traced.tape.operations[p].inputs}
        for position in route.operations:
            operation = self._traced.tape.operations[position]
            given = [tangents.get(x.index) if isinstance(x, Value) else None for x in operation.leaves]
            moved, bend = self._push[position](given)
            if bend is not None and bend.shape[1] == bends.shape[1]:
                bends += bend
            elif bend is not None:
                shared += bend.squeeze(1)
            tangents |= dict(zip(operation.outputs, moved, strict=False))
            for index in {*operation.inputs, *operation.outputs}:
                if last_use.get(index, -1) <= position and index != output:
                    tangents.pop(index, None)
        t = tangents[output]
        slopes = (t * self._output_gradient).flatten(2).sum(2)
        return Directional(slopes.double(), self._loss.quadratic_form(self.outputs, t).double(), bends, shared)

    def _first_tangent(self, route: Route, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        if route.use is None:
            return route.layer.from_matrix(torch.einsum("mk,nk->kmn", left, right))
        return route.use.output_tangents(self._values[route.use.input], left, right)

    def _prepare(self, position: int, moving: frozenset[int], adjoint, values: dict, read: set[int]) -> Push:
        def resolve(leaf):
            if not isinstance(leaf, Value):
                return leaf
            return values[leaf.index] if leaf.index in read else None

        operation, shapes = self._traced.tape.operations[position], self._traced.tape.shapes
        args, kwargs = tree_map(resolve, (operation.args, operation.kwargs))
        outputs = [values[index] if index in read else None for index in operation.outputs]
        of_leaves = [shapes[x.index] if isinstance(x, Value) else None for x in operation.leaves]
        n = self._traced.n_samples if operation.outputs[0] in self._traced.sample_major else 1
        return RULES[operation.name].push(Point(operation, args, kwargs, of_leaves, outputs, moving, adjoint, n))


def tangent_curvature(
    network: TracedNetwork,
    loss: Loss,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    directions: dict[str, Directions],
    layers: list[WeightLayer],
) -> dict[str, LayerCurvature]:
    """Measure h_k, the GGN value and the slopes of some layers.

    Memory: values and adjoints of the operations behind the first layer, two to three times what a training step keeps
    of a transformer; and as many directions at a time as make their tangents half as large as all that the forward pass
    makes, no single tangent larger than `_LARGEST_BYTES`.

    Args:
        network: The network, traced.
        loss: The loss.
        batches: Micro-batches (inputs, targets).
        directions: Layer name to directions.
        layers: The layers.

    Returns:
        Layer name to curvature, on the CPU.
    """
    parts: dict[str, list[Directional]] = {layer.name: [] for layer in layers}
    for index, (inputs, targets) in enumerate(batches):
        traced = network.at(inputs)
        with full_precision():
            linear = Linearization(traced, list(parts), loss, targets)
            require_finite(linear.outputs)
            with torch.no_grad():
                for layer in layers:
                    parts[layer.name].append(_along_all(linear, traced, layer, directions[layer.name]))
        if index == len(batches) - 1 and index > 0:
            network.require_faithful(inputs, linear.outputs)
    return {name: _combine(found) for name, found in parts.items()}


def _along_all(linear: Linearization, traced: TracedBatch, layer: WeightLayer, directions: Directions) -> Directional:
    left, right = directions.left.to(layer.weight.dtype), directions.right.to(layer.weight.dtype)
    size = _directions_at_a_time(traced, layer)
    pairs = zip(left.split(size, 1), right.split(size, 1), strict=True)
    chunks = [linear.along(layer.name, u, v) for u, v in pairs]
    return Directional(
        *(torch.cat([getattr(chunk, field.name) for chunk in chunks]).cpu() for field in fields(Directional))
    )


def _directions_at_a_time(traced: TracedBatch, layer: WeightLayer) -> int:
    tape, route = traced.tape, traced.routes[layer.name]
    size = {index: math.prod(shape) for index, shape in tape.shapes.items()}
    made = set().union(*(operation.outputs for operation in tape.operations))
    activations = sum(size[index] for index in made - tape.views)
    last_use = {index: p for p in route.operations for index in tape.operations[p].inputs}
    alive, together = {route.start}, size[route.start]
    for position in route.operations:
        alive.update(tape.operations[position].outputs)
        together = max(together, sum(size[index] for index in alive))
        alive = {index for index in alive if last_use.get(index, -1) > position}
    largest = max(size[index] for index in route.values) * layer.weight.element_size()
    return max(1, min(activations // (2 * _TEMPORARIES * together), _LARGEST_BYTES // largest))


def _combine(parts: list[Directional]) -> LayerCurvature:
    slopes, ggn, bends = (torch.cat([getattr(p, key) for p in parts], 1) for key in ("slopes", "ggn", "bends"))
    n = ggn.shape[1]
    shared = sum(part.shared_bends for part in parts)
    per_sample = None if shared.any() else (ggn + bends).T
    h = (ggn.sum(1) + bends.sum(1) + shared) / n
    return LayerCurvature(h, ggn.mean(1), per_sample, slopes.T, n, "tangent")


def _values_read(operation, moving: frozenset[int]) -> set[int]:
    rule = RULES[operation.name]
    read = {
        x.index
        for i, x in enumerate(operation.leaves)
        if isinstance(x, Value) and (rule.reads_moving or i not in moving)
    }
    return read.union(operation.outputs) if rule.reads_outputs else read


def _adjoints(output: torch.Tensor, values: list[torch.Tensor], gradient: torch.Tensor) -> list[torch.Tensor]:
    if not values:
        return []
    found = torch.autograd.grad(output, values, gradient, allow_unused=True)
    return [torch.zeros_like(v) if g is None else g for v, g in zip(values, found, strict=True)]
