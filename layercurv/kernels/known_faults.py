"""Kernels known to be faulty, also where no comparison shows it."""

import torch

from layercurv.kernels.operation import Operation

VECTOR_BLOCK = 16  # float32 numbers in the widest vector register of x86 processors, AVX-512's


def known_fault(operation: Operation, device: torch.device) -> str | None:
    """Say what is known against an operation.

    oneDNN's weight gradient of a 1x1 convolution with stride, in channels_last, with fewer input channels than a vector
    block, writes past its workspace (issue 6035; versions up to 3.12.0). What it overwrites depends on what lies there,
    so the gradient can be right and other numbers wrong.

    Args:
        operation: The operation.
        device: Where it runs.

    Returns:
        The fault; None if none is known.
    """
    if operation.kind != "convolution" or operation.layout != "channels_last" or device.type != "cpu":
        return None
    (_, channels, *kernel), stride = operation.shapes[1], operation.settings[0]
    if set(kernel) == {1} and max(stride) > 1 and channels < VECTOR_BLOCK:
        return "its weight gradient writes out of bounds in channels_last layout (oneDNN issue 6035)"
    return None
