"""Output and gradients of an operation in float64 by NumPy: neither library nor kernel is shared with what is checked.

A convolution is summed tap by tap: each position of the kernel meets a strided window of the padded images in one
matrix product. NumPy brings its own BLAS, so that even a float64 product of torch is held against another library's.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np

# The parts of an operation that are compared.
Parts = dict[str, np.ndarray]


def reference(kind: str, inputs: np.ndarray, weight: np.ndarray, output_gradient: np.ndarray, settings: tuple) -> Parts:
    """Compute an operation, and its gradients from that of its output.

    Args:
        kind: "convolution", "product" or "embedding".
        inputs: [N, C_in, ...] images, [m, k] or whole numbers of any shape; float64 but for the last.
        weight: [C_out, C_in / groups, ...], [k, n] or [rows, width]; float64.
        output_gradient: Of the output's shape, float64.
        settings: Of a convolution, as aten takes them: stride, padding, dilation, transposed, output padding, groups.

    Returns:
        `output`, `weight gradient` and, but for an embedding, `input gradient`; float64.
    """
    if kind == "product":
        parts = inputs @ weight, inputs.T @ output_gradient, output_gradient @ weight.T
        return dict(zip(("output", "weight gradient", "input gradient"), parts, strict=True))
    if kind == "embedding":
        gradient = np.zeros_like(weight)
        np.add.at(gradient, inputs, output_gradient)
        return {"output": weight[inputs], "weight gradient": gradient}
    stride, padding, dilation, _, _, groups = settings
    return _convolution(inputs, weight, output_gradient, stride, padding, dilation, groups)


def reduction_lengths(kind: str, input_shape: tuple, weight_shape: tuple, output_shape: tuple, settings: tuple) -> dict:
    """Count the products summed into one number of each part; the most there are where it varies.

    Args:
        kind: As in `reference`.
        input_shape: Shape of the input.
        weight_shape: Shape of the weight.
        output_shape: Shape of the output.
        settings: As in `reference`.

    Returns:
        Part to count.
    """
    if kind == "product":
        (m, k), n = input_shape, weight_shape[1]
        return {"output": k, "weight gradient": m, "input gradient": n}
    if kind == "embedding":
        return {"output": 1, "weight gradient": math.prod(input_shape)}
    groups, taps = settings[5], math.prod(weight_shape[2:])
    return {
        "output": weight_shape[1] * taps,
        "weight gradient": output_shape[0] * math.prod(output_shape[2:]),
        "input gradient": weight_shape[0] // groups * taps,
    }


def _convolution(x, W, g, stride, padding, dilation, groups: int) -> Parts:
    # x [N, C, *S], W [O, C / groups, *K], g [N, O, *P]. Channels come first and in groups, so that a tap is one matrix
    # product per group over all images and positions at once.
    taps = W.shape[2:]
    padded = np.pad(_channels_first(x, groups), [(0, 0)] * 3 + [(p, p) for p in padding])
    g_flat = _channels_first(g, groups).reshape(groups, W.shape[0] // groups, -1)
    W = W.reshape(groups, -1, *W.shape[1:])
    y_flat, dW, dx = np.zeros_like(g_flat), np.zeros_like(W), np.zeros_like(padded)
    for tap, window in _windows(taps, g.shape[2:], stride, dilation):
        images = padded[window]
        flat = images.reshape(*images.shape[:2], -1)
        kernel = W[..., *tap]
        y_flat += kernel @ flat
        dW[..., *tap] = g_flat @ flat.swapaxes(1, 2)
        dx[window] += (kernel.swapaxes(1, 2) @ g_flat).reshape(images.shape)
    inner = (..., *(slice(p, p + size) for p, size in zip(padding, x.shape[2:], strict=True)))
    return {
        "output": _images_first(y_flat.reshape(groups, -1, len(g), *g.shape[2:])),
        "weight gradient": dW.reshape(-1, *dW.shape[2:]),
        "input gradient": _images_first(dx[inner]),
    }


def _windows(taps: tuple, positions: tuple, stride: tuple, dilation: tuple) -> Iterator[tuple[tuple, tuple]]:
    # Each kernel position, and the pixels of the padded images that it meets.
    for tap in itertools.product(*map(range, taps)):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        ends = [start + s * (size - 1) + 1 for start, s, size in zip(starts, stride, positions, strict=True)]
        yield tap, (..., *(slice(*bounds) for bounds in zip(starts, ends, stride, strict=True)))


def _channels_first(images: np.ndarray, groups: int) -> np.ndarray:
    # [N, C, *S] to [groups, C / groups, N, *S].
    return np.ascontiguousarray(images.swapaxes(0, 1)).reshape(groups, -1, len(images), *images.shape[2:])


def _images_first(images: np.ndarray) -> np.ndarray:
    # [groups, C / groups, N, *S] to [N, C, *S].
    return images.reshape(-1, *images.shape[2:]).swapaxes(0, 1)
