"""How far one operation of torch is off from the reference, in units of what rounding explains."""

import numpy as np
import torch

from layercurv.kernels.operation import KINDS, Operation
from layercurv.kernels.reference import reduction_lengths, reference

REPEATS = 3  # a kernel that reads or writes past its buffers is not wrong each time
# n products of normal numbers are summed, so a part's root mean square, which errors are divided by, is sqrt(n). In a
# plain loop the i-th partial sum, of size sqrt(i), is rounded by up to eps / 2 of itself; as a random walk these come
# to less than eps * n / 2, relatively eps * sqrt(n) / 2 (Higham 2002, section 4.2, on average instead of at worst).
# Kernels that sum in blocks stay below; Winograd's transforms cost some digits. Sums are kept in float32 or better
# whatever the factors' type. At the end the result is rounded to its type, by eps / 2 of numbers under 8 root mean
# squares among millions. The margin is 32 of such standard deviations: chance plays no part, and an error of 1 % is
# outside for n up to millions.
MARGIN = 16.0


def largest_errors(operation: Operation, device: torch.device) -> dict[str, dict[str, float]]:
    """Compare output, weight gradient and input gradient with the reference, several times.

    Args:
        operation: What to run.
        device: Where.

    Returns:
        Part to `{"error", "tolerance"}`, both relative to the part's root mean square; NaN counts as infinite.
    """
    generator = torch.Generator().manual_seed(0)
    inputs, weight = (_draw(operation, index, device, generator) for index in (0, 1))
    output = KINDS[operation.kind](inputs, weight, *operation.settings)
    gradient = torch.empty_like(output).copy_(torch.randn(output.shape, generator=generator))
    expected = reference(operation.kind, *map(_float64, (inputs, weight, gradient)), operation.settings)
    lengths = reduction_lengths(operation.kind, *operation.shapes, tuple(output.shape), operation.settings)
    worst = {part: {"error": 0.0, "tolerance": tolerance(output.dtype, lengths[part])} for part in expected}
    for _ in range(REPEATS):
        for part, found in _run(operation, inputs, weight, gradient, list(expected)).items():
            worst[part]["error"] = max(worst[part]["error"], _relative_error(found, expected[part]))
    return worst


def tolerance(dtype: torch.dtype, n_products: int) -> float:
    """Give the largest error, relative to the root mean square, that rounding explains.

    Args:
        dtype: Of the result.
        n_products: How many products are summed into one number.

    Returns:
        The bound.
    """
    eps, eps_of_sums = torch.finfo(dtype).eps, min(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps)
    return MARGIN * (eps + eps_of_sums * n_products**0.5)


def _run(operation: Operation, inputs, weight, gradient, parts: list[str]) -> dict[str, torch.Tensor]:
    tensors = {"weight gradient": weight.detach().requires_grad_()}
    if "input gradient" in parts:
        tensors["input gradient"] = inputs = inputs.detach().requires_grad_()
    output = KINDS[operation.kind](inputs, tensors["weight gradient"], *operation.settings)
    gradients = torch.autograd.grad(output, list(tensors.values()), gradient)
    return {"output": output.detach()} | dict(zip(tensors, gradients, strict=True))


def _relative_error(found: torch.Tensor, expected: np.ndarray) -> float:
    scale = float(np.sqrt(np.mean(expected**2))) or 1.0
    error = float(np.abs(_float64(found) - expected).max(initial=0.0)) / scale
    return error if error == error else float("inf")


def _draw(operation: Operation, index: int, device: torch.device, generator: torch.Generator) -> torch.Tensor:
    # Random numbers in the layout of the operation; an expanded axis (stride 0) holds each number once.
    shape, strides = operation.shapes[index], operation.strides[index]
    dtype = getattr(torch, operation.dtypes[index])
    held = [1 if stride == 0 else size for size, stride in zip(shape, strides, strict=True)]
    if dtype.is_floating_point:
        numbers = torch.randn(held, generator=generator)
    else:
        numbers = torch.randint(operation.shapes[1][0], held, generator=generator)
    return torch.empty_strided(held, strides, dtype=dtype, device=device).copy_(numbers).expand(shape)


def _float64(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
