"""Float32 means float32: no TensorFloat-32 or bfloat16 inside matrix products while curvature is measured."""

from collections.abc import Generator
from contextlib import contextmanager

import torch


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
