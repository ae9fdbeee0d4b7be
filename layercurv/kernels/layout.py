"""The memory layouts of images and kernels, in the order of preference."""

import torch

# channels_last is faster: on CUDA tensor cores want it, on CPUs training takes up to 1.8 times longer without
# (`python -m benchmarks.memory_layout`). Its kernels have been wrong, though; `Kernels.trust` falls back on the other.
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
