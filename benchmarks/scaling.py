"""What measuring a network costs, in floating-point operations, bytes of memory and bytes sent: formulas.

Symbols: a layer has m outputs, n inputs per output and P positions per sample (the pixels of a convolution's output,
the tokens of a text); F = sum_l 2 P m n is a forward pass of one sample through all layers, F_l its part behind layer
l; A is what products of activations with each other (attention) add to it, A_l their part behind layer l; layer 1 is
the first one applied; K directions per layer; C columns of the loss Hessian's root; N processes. A multiplication with
its addition counts two operations, in matrix products and convolutions only. Everything is per sample unless it says
otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, _FlopCounterMode

from layercurv.curvature import weight_layers

DOUBLE, FLOAT = 8, 4  # bytes
# Measured, not derived, on small ResNets and GPT-2s: bytes per weight of the comparison with float64 (weights,
# directions, gradients and products there, the latter here too); how often what a forward pass makes is held, tangents
# included; and how often the outputs besides, by loss and proof.
CHECK, KEPT, OUTPUTS = 48, 3, 7


@dataclass(frozen=True)
class Layer:
    """A weight layer as arithmetic sees it."""

    name: str
    m: int
    n: int
    P: int
    others_behind: int  # A_l

    @property
    def forward(self) -> int:
        """2 P m n."""
        return 2 * self.P * self.m * self.n


@dataclass(frozen=True)
class Shape:
    """A network as arithmetic sees it, its layers in the order they are applied in."""

    layers: tuple[Layer, ...]
    others: int  # A
    n_parameters: int
    n_entries: int  # numbers that all operations of a forward pass make, views left out
    n_outputs: int  # numbers that the network puts out
    is_smooth: bool  # whether some operation bends the network's output (GELU, attention), by which adjoints are needed

    @property
    def forward(self) -> int:
        """F + A."""
        return sum(layer.forward for layer in self.layers) + self.others

    @property
    def backward(self) -> int:
        """F_1 + 2 A_1: a backward pass to the first layer's outputs; of a product of activations both factors count."""
        return self.behind()[0] + 2 * self.layers[0].others_behind

    def behind(self) -> list[int]:
        """F_l: what the layers behind each one cost.

        Returns:
            Operations, by layer.
        """
        found, total = [], 0
        for layer in reversed(self.layers):
            found.append(total)
            total += layer.forward
        return found[::-1]


def shape_of(model: nn.Module, *inputs: torch.Tensor, is_smooth: bool = False, **keywords: torch.Tensor) -> Shape:
    """Read a network's shapes off one forward pass; on the meta device it costs nothing.

    Args:
        model: The network.
        *inputs: One sample.
        is_smooth: As for `Shape`.
        **keywords: Of the forward pass.

    Returns:
        The shape.
    """
    named = {layer.module: layer for layer in weight_layers(model)}
    applied: list[tuple] = []  # layer, P, and what the network has cost by then

    def see(module: nn.Module, _: object, output: object) -> None:
        if torch.is_tensor(output) and (layer := named.get(module)):
            applied.append((layer, output.numel() // layer.shape[0], counter.get_total_flops()))

    hooks = [module.register_forward_hook(see) for module in model.modules()]
    with torch.no_grad(), _EntryCounter() as entries, FlopCounterMode(display=False) as counter:
        output = model(*inputs, **keywords)
    for hook in hooks:
        hook.remove()
    total, behind, layers = counter.get_total_flops(), 0, []
    for layer, P, cost in reversed(applied):
        layers.append(Layer(layer.name, *layer.shape, P, total - cost - behind))
        behind += layers[-1].forward
    n_parameters = sum(p.numel() for p in model.parameters())
    n_outputs = (output if torch.is_tensor(output) else output.logits).numel()
    return Shape(tuple(reversed(layers)), total - behind, n_parameters, entries.total, n_outputs, is_smooth)


class _EntryCounter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        read = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if torch.is_tensor(t)}
        new = (t for t in tree_leaves(made) if torch.is_tensor(t) and t.untyped_storage()._cdata not in read)
        self.total += sum(t.numel() for t in new)
        return made


def gradient(shape: Shape) -> int:
    """Count the mean gradient: a forward pass, and a backward pass of twice that but for the first layer's inputs.

    3 (F + A) - 2 P m n of the first layer.

    Args:
        shape: The network.

    Returns:
        Operations.
    """
    return 3 * shape.forward - shape.layers[0].forward


def by_columns(shape: Shape, n_columns: int, K: int) -> int:
    """Count the `ggn` engine on all layers: every column pulled back to the first layer, and projected on the way.

    F + A + (C + 2) (F_1 + 2 A_1) + sum_l 2 P K (n + (C + 1) m); one column more for the slopes, and one that tells
    samples apart.

    Args:
        shape: The network.
        n_columns: C.
        K: Directions per layer.

    Returns:
        Operations.
    """
    projected = sum(2 * layer.P * K * (layer.n + (n_columns + 1) * layer.m) for layer in shape.layers)
    return shape.forward + (n_columns + 2) * shape.backward + projected


def by_tangents(shape: Shape, K: int) -> int:
    """Count the `tangent` engine on all layers: each direction pushed through what lies behind its layer.

    2 (F + A) + F_1 + 2 A_1 + K sum_l (F_l + 3 A_l + 2 P n), with 2 (F_1 + 2 A_1) for a smooth network. The network is
    recorded and run again; one backward pass tells samples apart, and one more gives the adjoints where operations
    bend. Second derivatives of a function of single entries cost no products; of a product of activations a and b they
    cost t_a t_b beside t_a b and a t_b. Where one of them does not move it costs a third: of the attention that a layer
    feeds itself, unless it feeds all of it, the formula counts too much.

    Args:
        shape: The network.
        K: Directions per layer.

    Returns:
        Operations.
    """
    each = [
        F + 3 * layer.others_behind + 2 * layer.P * layer.n
        for layer, F in zip(shape.layers, shape.behind(), strict=True)
    ]
    return 2 * shape.forward + (1 + shape.is_smooth) * shape.backward + K * sum(each)


def curvature(shape: Shape, n_columns: int, K: int) -> tuple[int, str]:
    """Count the cheaper engine, as `engine="auto"` takes it; a mixture of both can be cheaper still.

    Args:
        shape: The network.
        n_columns: C.
        K: Directions per layer.

    Returns:
        Operations, and the engine.
    """
    tangents = by_tangents(shape, K), "tangent"
    return tangents if shape.is_smooth else min(tangents, (by_columns(shape, n_columns, K), "ggn"))


def factors(shape: Shape, n_columns: int) -> int:
    """Count the Kronecker factors: a forward pass, the columns pulled back, and the products of inputs and columns.

    F + A + (C + 2) (F_1 + 2 A_1) + sum_l 2 P (n^2 + (C + 1) m^2).

    Args:
        shape: The network.
        n_columns: C, or how many random ones.

    Returns:
        Operations.
    """
    products = sum(2 * layer.P * (layer.n**2 + (n_columns + 1) * layer.m**2) for layer in shape.layers)
    return shape.forward + (n_columns + 2) * shape.backward + products


def memory(shape: Shape, micro_batch: int, with_factors: bool) -> dict[str, int]:
    """Count what one process holds: not all of it at the same time.

    Args:
        shape: The network.
        micro_batch: Samples at a time.
        with_factors: Whether Kronecker factors are measured.

    Returns:
        Bytes: `weights` in float32, 4 per parameter; `gradients`, summed in float64, 8 sum_l m n; `check`, while
        second derivatives are compared with float64, 48 sum_l m n; `activations`, what the engines hold of a
        micro-batch, 12 per number that a forward pass makes and 28 per output; `factors`, 8 sum_l (n^2 + 2 m^2).
    """
    return {
        "weights": FLOAT * shape.n_parameters,
        "gradients": DOUBLE * sum(layer.m * layer.n for layer in shape.layers),
        "check": CHECK * sum(layer.m * layer.n for layer in shape.layers),
        "activations": FLOAT * (KEPT * micro_batch * shape.n_entries + OUTPUTS * shape.n_outputs),
        "factors": DOUBLE * sum(layer.n**2 + 2 * layer.m**2 for layer in shape.layers) if with_factors else 0,
    }


def sent(shape: Shape, n_samples: int, K: int, N: int, with_factors: bool) -> int:
    """Count the bytes that one of N processes sends in a whole measurement.

    2 (N - 1) / N for each byte that is summed (gradients, factors), N - 1 for each that it tells everybody: the
    directions of its layers, 8 K sum_l (m + n) / N, and curvatures and slopes of its samples, 16 B K L / N.

    Args:
        shape: The network.
        n_samples: B.
        K: Directions per layer.
        N: Processes.
        with_factors: Whether Kronecker factors are measured.

    Returns:
        Bytes.
    """
    held = memory(shape, 1, with_factors)
    summed = held["gradients"] + held["factors"]
    directions = DOUBLE * K * sum(layer.m + layer.n for layer in shape.layers)
    told = directions + 2 * DOUBLE * n_samples * K * len(shape.layers)
    return (2 * (N - 1) * summed + (N - 1) * told) // N


def counted(work: Callable[[], object]) -> int:
    """Count the operations of products in what a function does.

    Args:
        work: The function.

    Returns:
        Operations.
    """
    counter = FlopCounterMode(display=False)
    with _FlopCounterMode(counter):  # the counter itself hooks modules; to the engines that changes gradients
        work()
    return counter.get_total_flops()
