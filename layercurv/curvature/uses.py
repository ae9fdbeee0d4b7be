"""Where a layer's weight is applied on a tape, and the products its directions need there.

Shapes: N samples, P positions, m outputs and n inputs of the weight matrix, K directions. A position is a place where W
meets an input vector: a pixel of a convolution's output, a token, 1 for a linear layer on vectors. In a convolution of
g groups each pixel counts g times, once per group, with that group's inputs and with output gradients that are zero
outside the group's rows; so every formula for positions holds for groups too.
"""

import functools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.tape import Operation, Tape, Value

_TRANSPOSES = ("t", "transpose", "permute")


@dataclass(frozen=True)
class LinearUse:
    """W applied to row vectors: `mm` or `addmm`."""

    position: int  # of the operation on the tape
    input: int  # value: the vectors, one per row
    output: int  # value: the products, one per row

    def n_positions(self, a: torch.Tensor, n_samples: int) -> int:
        """Count the positions of a sample.

        Args:
            a: The operation's input.
            n_samples: N.

        Returns:
            P.
        """
        return len(a) // n_samples

    def project_inputs(self, a: torch.Tensor, right: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Compute v_k . a at every position.

        Args:
            a: The operation's input.
            right: Columns v_k, [n, K].
            n_samples: N.

        Returns:
            [N, P, K].
        """
        return (a @ right).reshape(n_samples, -1, right.shape[1])

    def project_outputs(self, d: torch.Tensor, left: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Compute u_k . d at every position.

        Args:
            d: The gradient at the operation's output.
            left: Columns u_k, [m, K].
            n_samples: N.

        Returns:
            [N, P, K].
        """
        return (d @ left).reshape(n_samples, -1, left.shape[1])

    def output_tangents(self, a: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Move W along u_k v_k^T and see what the output does.

        Args:
            a: The operation's input.
            left: Columns u_k, [m, K].
            right: Columns v_k, [n, K].

        Returns:
            [K, *output.shape].
        """
        return (a @ right).T.unsqueeze(2) * left.T.unsqueeze(1)

    def input_columns(self, a: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Return the input vectors themselves.

        Args:
            a: The operation's input.
            n_samples: N.

        Returns:
            [N, 1, P, n]; the second axis counts groups.
        """
        return a.reshape(n_samples, 1, -1, a.shape[1])

    def output_columns(self, d: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Return the gradient at each position.

        Args:
            d: The gradient at the operation's output.
            n_samples: N.

        Returns:
            [N, 1, P, m].
        """
        return d.reshape(n_samples, 1, -1, d.shape[1])


@dataclass(frozen=True)
class ConvolutionUse:
    """W applied to patches of an image: `convolution`, with any number of spatial axes and groups."""

    position: int
    input: int
    output: int
    kernel: tuple[int, ...]  # shape of the weight
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    groups: int

    def n_positions(self, a: torch.Tensor, n_samples: int) -> int:
        """Count the positions of a sample.

        Args:
            a: The operation's input.
            n_samples: N; an image has its own axis.

        Returns:
            P.
        """
        return self.groups * math.prod(self._output_size(a))

    def project_inputs(self, a: torch.Tensor, right: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Compute v_k . a at every position, without building the patches a.

        Args:
            a: The operation's input.
            right: Columns v_k, [n, K].
            n_samples: N.

        Returns:
            [N, P, K], with the groups of a pixel side by side.
        """
        return self._correlate(a, right).flatten(1, 2)

    def project_outputs(self, d: torch.Tensor, left: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Compute u_k . d at every position.

        Args:
            d: The gradient at the operation's output.
            left: Columns u_k, [m, K].
            n_samples: N.

        Returns:
            [N, P, K].
        """
        pixels = d.flatten(2).transpose(1, 2)  # [N, L, m]; no copy for channels-last memory
        if self.groups == 1:
            return pixels @ left
        by_group = pixels.unflatten(2, (self.groups, -1))
        return torch.einsum("nlgo,gok->nlgk", by_group, left.unflatten(0, (self.groups, -1))).flatten(1, 2)

    def output_tangents(self, a: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Move W along u_k v_k^T and see what the output does.

        Args:
            a: The operation's input.
            left: Columns u_k, [m, K].
            right: Columns v_k, [n, K].

        Returns:
            [K, *output.shape], in channels-last memory.
        """
        va = self._correlate(a, right).movedim(3, 0).unsqueeze(4)  # [K, N, L, groups, 1]
        u = left.unflatten(0, (self.groups, -1)).movedim(2, 0)[:, None, None]  # [K, 1, 1, groups, m / groups]
        return (va * u).flatten(3).movedim(3, 2).unflatten(3, self._output_size(a))

    def input_columns(self, a: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Return the patches themselves (im2col).

        Args:
            a: The operation's input.
            n_samples: N.

        Returns:
            [N, groups, L, n].
        """
        n_axes = len(self.stride)
        x = F.pad(a, [side for p in reversed(self.padding) for side in (p, p)])
        for axis, (size, step, gap) in enumerate(zip(self.kernel[2:], self.stride, self.dilation, strict=True), 2):
            x = x.unfold(axis, gap * (size - 1) + 1, step)[..., ::gap]  # puts the offsets in the kernel last
        pixels = x.movedim(1, 1 + n_axes).flatten(1, n_axes)  # [N, L, channels, *offsets]
        return pixels.unflatten(2, (self.groups, -1)).transpose(1, 2).flatten(3)

    def output_columns(self, d: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Return the gradient at each pixel.

        Args:
            d: The gradient at the operation's output.
            n_samples: N.

        Returns:
            [N, groups, L, m / groups].
        """
        return d.flatten(2).unflatten(1, (self.groups, -1)).transpose(2, 3)

    def _correlate(self, a: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        # v_k . a for every pixel and group, [N, L, groups, K]
        kernels = right.T.reshape(-1, *self.kernel[1:]).repeat(self.groups, *[1] * (len(self.kernel) - 1))
        settings = self.stride, self.padding, self.dilation, False, [0] * len(self.stride), self.groups
        found = torch.convolution(a, kernels, None, *settings).flatten(2).transpose(1, 2)
        return found.unflatten(2, (self.groups, -1))

    def _output_size(self, a: torch.Tensor) -> list[int]:
        sizes = zip(a.shape[2:], self.kernel[2:], self.stride, self.padding, self.dilation, strict=True)
        return [(size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in sizes]


Use = LinearUse | ConvolutionUse


def single_use(tape: Tape, layer: WeightLayer) -> Use | None:
    """Find the one operation that applies a layer's weight.

    Args:
        tape: The network's tape.
        layer: The layer.

    Returns:
        The use, or None if the weight is used more than once, not at all, or in a form that is not a plain linear layer
        or convolution.
    """
    value, transposed, readers = tape.index_of(layer.weight), layer.is_transposed, []
    while value is not None:
        readers = tape.readers(value)
        if len(readers) != 1:
            return None
        operation = tape.operations[readers[0]]
        if operation.name not in _TRANSPOSES or len(tape.shapes[value]) != 2:
            return _use(operation, readers[0], value, transposed, tape)
        value, transposed = operation.outputs[0], not transposed
    return None


def _use(operation: Operation, position: int, weight: int, transposed: bool, tape: Tape) -> Use | None:
    args, output = operation.args, operation.outputs[0]
    if operation.name == "convolution" and args[1] == Value(weight) and not args[6]:
        stride, padding, dilation = (_per_axis(args[i], len(tape.shapes[weight]) - 2) for i in (3, 4, 5))
        return ConvolutionUse(
            position, args[0].index, output, tuple(tape.shapes[weight]), stride, padding, dilation, args[8]
        )
    if operation.name in ("mm", "addmm") and transposed and args[-1] == Value(weight) and not operation.kwargs:
        return LinearUse(position, args[-2].index, output)
    return None


def _per_axis(setting: list[int], n_axes: int) -> list[int]:
    return list(setting) * n_axes if len(setting) == 1 else list(setting)


@dataclass(frozen=True)
class AppliedLayer:
    """A weight's use on one micro-batch."""

    use: Use
    inputs: torch.Tensor  # what the operation was applied to
    n_samples: int

    @property
    def n_positions(self) -> int:
        """P."""
        return self.use.n_positions(self.inputs, self.n_samples)

    def project_inputs(self, right: torch.Tensor) -> torch.Tensor:
        """Compute v_k . a at every position.

        Args:
            right: Columns v_k, [n, K].

        Returns:
            [N, P, K].
        """
        return self.use.project_inputs(self.inputs, right, self.n_samples)

    def project_outputs(self, d: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
        """Compute u_k . d at every position.

        Args:
            d: The gradient at the operation's output.
            left: Columns u_k, [m, K].

        Returns:
            [N, P, K].
        """
        return self.use.project_outputs(d, left, self.n_samples)

    def input_columns(self) -> torch.Tensor:
        """Return the input vectors.

        Returns:
            [N, groups, P / groups, n].
        """
        return self.use.input_columns(self.inputs, self.n_samples)

    def output_columns(self, d: torch.Tensor) -> torch.Tensor:
        """Return the gradient at each position, rows outside a position's group left out.

        Args:
            d: The gradient at the operation's output.

        Returns:
            [N, groups, P / groups, m / groups].
        """
        return self.use.output_columns(d, self.n_samples)

    def sample_gradients(self, d: torch.Tensor) -> torch.Tensor:
        """Sum d a^T over each sample's positions.

        Args:
            d: The gradient at the operation's output.

        Returns:
            The gradient of each sample in the weight matrix, [N, m, n].
        """
        return (self.output_columns(d).mT @ self._kept_columns).flatten(1, 2)

    @functools.cached_property
    def _kept_columns(self) -> torch.Tensor:
        # Kept for all gradients of a micro-batch: building the patches takes longer than the product with them.
        return self.input_columns().contiguous()
