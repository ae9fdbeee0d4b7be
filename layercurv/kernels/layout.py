"""The memory layout of images and kernels: one choice for training, measuring and benchmarks."""

import torch

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def preferred_layout(device: torch.device) -> str:
    """Choose the layout of images and convolution kernels on a device.

    Args:
        device: Where the network runs.

    Returns:
        A key of `LAYOUTS`: "channels_last" on CUDA, which tensor cores want. "contiguous" on a CPU: channels_last
        trains faster there (`python -m benchmarks.memory_layout`), but its kernels have been wrong (oneDNN issue 6035:
        weight gradients of 1x1 convolutions with stride and few input channels).
    """
    return "channels_last" if device.type == "cuda" else "contiguous"
