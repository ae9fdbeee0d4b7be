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

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch.utils._pytree import tree_map

from layercurv.curvature.derivatives import Point, Push
from layercurv.curvature.directions import Directions, TensorDirections
from layercurv.curvature.layer_curvature import LayerCurvature
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import Loss
from layercurv.curvature.objective import require_finite
from layercurv.curvature.rules import RULES, moving_leaves
from layercurv.curvature.separation import is_scaled, sample_scales, scaled
from layercurv.curvature.tape import Value
from layercurv.curvature.traced import Route, TracedBatch

_TEMPORARIES = 3  # tensors as large as the tangents that one operation may hold at a time
_LARGEST_BYTES = 6 * 2**20  # larger tangents are slower on CPUs (glibc maps them anew each time), not faster on GPUs


@dataclass(frozen=True)
class Directional:
    """How the loss of each sample changes along K directions of one weight, in float64."""

    slopes: torch.Tensor  # [K, N], first derivatives
    ggn: torch.Tensor  # [K, N]
    bends: torch.Tensor  # [K, N], what h has beyond the GGN value
    shared_bends: torch.Tensor  # [K], the part of it that cannot be told apart by sample


class Linearization:
    """A network at one micro-batch, ready to move tangents."""

    def __init__(self, traced: TracedBatch, layers: list[str], loss: Loss, by_sample: bool = True):
        """Run the network once forward and once backward.

        Args:
            traced: The network's operations on the micro-batch.
            layers: Names of the layers that will be asked for.
            loss: The loss.
            by_sample: Whether to keep samples apart where they are independent, which another backward pass tells.
        """
        self._traced, self._loss, tape = traced, loss, traced.tape
        self._routes = {name: traced.routes[name] for name in layers}
        moving = set().union(*(r.values for r in self._routes.values()))
        positions = sorted(set().union(*(r.operations for r in self._routes.values())))
        leaves = {p: moving_leaves(tape.operations[p], moving) for p in positions}
        bent = [p for p in positions if not RULES[tape.operations[p].name].is_affine(leaves[p])]
        read = {p: _values_read(tape.operations[p], leaves[p]) for p in positions}
        applied = {r.use.input for r in self._routes.values() if r.use is not None}
        kept = applied.union(
            (r.start for r in self._routes.values()), (tape.operations[p].outputs[0] for p in bent), *read.values()
        )
        values = tape.replay(traced.batch, kept, {r.start for r in self._routes.values()})
        output = values[tape.network_output]
        self.outputs = output.detach()
        # Where the outputs' first axis is not that of the samples, the mean over it counts for each sample.
        self._scale = traced.n_samples / len(output)
        self._output_gradient = loss.output_gradient(self.outputs, traced.batch.targets) * self._scale
        ends = [values[tape.operations[p].outputs[0]] for p in bent]
        adjoints = _adjoints(output, ends, self._output_gradient)
        starts = [values[r.start] for r in self._routes.values() if values[r.start].is_leaf]
        apart = [False] * len(bent)
        self.is_apart, apart = self._separation(output, ends, adjoints, starts) if by_sample else (False, apart)
        self._by_sample = {p for p, is_apart in zip(bent, apart, strict=True) if is_apart}
        weighted = dict(zip(bent, adjoints, strict=True))
        # The graph is not needed any more; what each operation keeps for its tangents takes the place of what it read.
        values = {index: values[index].detach() for index in applied.union(*read.values())}
        del output, adjoints, ends, starts
        self._values = {index: values[index] for index in applied}
        last_read = {index: p for p in positions for index in read[p]}
        self._push = {}
        for p in positions:
            self._push[p] = self._prepare(p, leaves[p], weighted.pop(p, None), values, read[p])
            for index in read[p]:
                if last_read[index] == p:
                    del values[index]

    def _separation(self, output, ends: list[torch.Tensor], adjoints: list[torch.Tensor], starts) -> tuple[bool, list]:
        # Whether slopes and GGN values, and the bends of each operation, belong to single samples.
        n = self._traced.n_samples
        if len(output) != n or not getattr(self._loss, "is_per_sample", True):
            return False, [False] * len(ends)
        found = [True] * len(ends)

        def compare(place: int, r: torch.Tensor, again: torch.Tensor) -> None:
            found[place] = found[place] and is_scaled(again, adjoints[place], r, self._traced.tape.eps)

        for r in sample_scales(n, self._output_gradient):
            hooks = [end.register_hook(functools.partial(compare, place, r)) for place, end in enumerate(ends)]
            torch.autograd.grad(output, starts, scaled(self._output_gradient, r), retain_graph=True, allow_unused=True)
            for hook in hooks:
                hook.remove()
        return True, found

    def along(self, name: str, directions: Directions | TensorDirections) -> Directional:
        """Move one layer's weight along K directions.

        Args:
            name: The layer.
            directions: Its directions, or some of them, in the dtype of the weight.

        Returns:
            What that does to the loss.
        """
        route = self._routes[name]
        return self._push_through(route.operations, {route.start: self._first_tangent(route, directions)})

    def jointly(self, directions: dict[str, torch.Tensor]) -> Directional:
        """Move several weights at once, from where each is first read.

        Args:
            directions: Layer name to tensors, [K, *weight.shape].

        Returns:
            What that does to the loss.
        """
        tangents: dict[int, torch.Tensor] = {}
        for name, moved in directions.items():
            start = self._routes[name].start
            tangents[start] = tangents[start] + moved if start in tangents else moved
        operations = sorted(set().union(*(self._routes[name].operations for name in directions)))
        return self._push_through(operations, tangents)

    def _push_through(self, operations: list[int], tangents: dict[int, torch.Tensor]) -> Directional:
        tape, first = self._traced.tape, next(iter(tangents.values()))
        output = tape.network_output
        bends = first.new_zeros(len(first), self._traced.n_samples, dtype=torch.float64)
        shared = torch.zeros_like(bends[:, 0])
        last_use = {index: p for p in operations for index in tape.operations[p].inputs}
        for position in operations:
            operation = tape.operations[position]
            given = [tangents.get(x.index) if isinstance(x, Value) else None for x in operation.leaves]
            moved, bend = self._push[position](given)
            if bend is not None and position in self._by_sample:
                bends += bend
            elif bend is not None:
                shared += bend.sum(1)
            tangents |= dict(zip(operation.outputs, moved, strict=False))
            for index in {*operation.inputs, *operation.outputs}:
                if last_use.get(index, -1) <= position and index != output:
                    tangents.pop(index, None)
        t = tangents[output]
        slopes = (t * self._output_gradient).flatten(2).sum(2)
        ggn = self._loss.quadratic_form(self.outputs, t, self._traced.batch.targets) * self._scale
        return Directional(slopes.double(), ggn.double(), bends, shared)

    def _first_tangent(self, route: Route, directions: Directions | TensorDirections) -> torch.Tensor:
        if isinstance(directions, TensorDirections):
            return directions.tensors
        if route.use is None:
            return route.layer.from_matrix(torch.einsum("mk,nk->kmn", directions.left, directions.right))
        return route.use.output_tangents(self._values[route.use.input], directions.left, directions.right)

    def _prepare(self, position: int, moving: frozenset[int], adjoint, values: dict, read: set[int]) -> Push:
        def resolve(leaf):
            if not isinstance(leaf, Value):
                return leaf
            return values[leaf.index] if leaf.index in read else None

        operation, shapes = self._traced.tape.operations[position], self._traced.tape.shapes
        args, kwargs = tree_map(resolve, (operation.args, operation.kwargs))
        outputs = [values[index] if index in read else None for index in operation.outputs]
        of_leaves = [shapes[x.index] if isinstance(x, Value) else None for x in operation.leaves]
        n = self._traced.n_samples if position in self._by_sample else 1
        return RULES[operation.name].push(Point(operation, args, kwargs, of_leaves, outputs, moving, adjoint, n))


class TangentCurvature:
    """Collects h_k, the GGN value and the slopes of some layers, micro-batch by micro-batch.

    Memory: values and adjoints of the operations behind the first layer, about what a training step keeps of a
    transformer; and as many directions at a time as make their tangents no larger than all that the forward pass
    makes, no single tangent larger than `_LARGEST_BYTES`. Long attention keeps no pairs of tokens (see `attention`).
    """

    def __init__(self, loss: Loss, directions: dict, layers: list[WeightLayer]):
        """Start empty.

        Args:
            loss: The loss.
            directions: Layer name to directions.
            layers: The layers.
        """
        self._loss, self._directions, self._layers = loss, directions, layers
        self._parts: dict[str, list[Directional]] = {layer.name: [] for layer in layers}
        self._is_apart, self._n_samples = True, 0

    def add(self, traced: TracedBatch, names: list[str]) -> dict[str, str]:
        """Measure one micro-batch.

        Args:
            traced: The network's operations on it.
            names: The layers that still count.

        Returns:
            Layer name to why it cannot be measured, seen only now.
        """
        layers = [layer for layer in self._layers if layer.name in names]
        if not layers:
            return {}
        linear = Linearization(traced, [layer.name for layer in layers], self._loss)
        require_finite(linear.outputs)
        if (reason := traced.tape.why_not_own(linear.outputs)) is not None:
            return dict.fromkeys(names, reason)
        self._is_apart = self._is_apart and linear.is_apart
        self._n_samples += traced.n_samples
        with torch.no_grad():
            for layer in layers:
                self._parts[layer.name].append(_along_all(linear, traced, layer, self._directions[layer.name]))
        return {}

    def result(self, name: str) -> LayerCurvature:
        """Put a layer's micro-batches together.

        Args:
            name: The layer.

        Returns:
            Its curvature, on the CPU.
        """
        return _combine(self._parts[name], self._n_samples, self._is_apart)


def _along_all(linear: Linearization, traced: TracedBatch, layer: WeightLayer, directions) -> Directional:
    chunks = [
        linear.along(layer.name, some) for some in _chunks(directions, _directions_at_a_time(traced, layer), layer)
    ]
    return Directional(
        *(torch.cat([getattr(chunk, field.name) for chunk in chunks]).cpu() for field in fields(Directional))
    )


def _chunks(directions: Directions | TensorDirections, size: int, layer: WeightLayer) -> Iterator:
    dtype = layer.weight.dtype
    if isinstance(directions, TensorDirections):
        yield from (TensorDirections(some) for some in directions.tensors.to(dtype).split(size))
        return
    sides = (directions.left.to(dtype).split(size, 1), directions.right.to(dtype).split(size, 1))
    for left, right in zip(*sides, strict=True):
        yield Directions(directions.singular_values[: left.shape[1]], left, right, directions.is_null[: left.shape[1]])


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
    return max(1, min(activations // (_TEMPORARIES * together), _LARGEST_BYTES // largest))


def _combine(parts: list[Directional], n_samples: int, is_apart: bool) -> LayerCurvature:
    ggn = sum(part.ggn.sum(1) for part in parts) / n_samples
    shared = sum(part.shared_bends for part in parts)
    h = ggn + (sum(part.bends.sum(1) for part in parts) + shared) / n_samples
    if not is_apart:
        return LayerCurvature(h, ggn, None, None, n_samples, "tangent")
    per_sample = None if shared.any() else torch.cat([(part.ggn + part.bends).T for part in parts])
    return LayerCurvature(h, ggn, per_sample, torch.cat([part.slopes.T for part in parts]), n_samples, "tangent")


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
    found = torch.autograd.grad(output, values, gradient, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(v) if g is None else g for v, g in zip(values, found, strict=True)]
