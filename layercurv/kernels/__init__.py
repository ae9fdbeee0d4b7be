"""The kernels that sums and products run in: which there are on this machine, and in which memory layout.

- `layout`: the memory layout of images and kernels, one choice for training, measuring and benchmarks
- `numerics`: what decides a result's digits beside the code
"""

from layercurv.kernels.layout import LAYOUTS, preferred_layout
from layercurv.kernels.numerics import numerics

__all__ = ["LAYOUTS", "numerics", "preferred_layout"]
