"""Float32 means float32: no TensorFloat-32 or bfloat16 inside matrix products while curvature is measured.

A network in float16 or bfloat16 is measured with its weights in float32.
"""

from collections.abc import Generator
from contextlib import contextmanager

import torch

HALF = (torch.float16, torch.bfloat16)


@contextmanager
def full_precision() -> Generator[None]:
    """Switch reduced-precision products off, on CUDA and CPU; restores the settings.

    Yields:
        None.
    """
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


def measured_dtype(weight: torch.Tensor) -> torch.dtype:
    """Say in which precision a weight is measured.

    Args:
        weight: The weight.

    Returns:
        Its own dtype, float32 for half precision.
    """
    return torch.float32 if weight.dtype in HALF else weight.dtype
