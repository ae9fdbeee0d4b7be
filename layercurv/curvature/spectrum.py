"""Top eigenvalues, trace and spectral density of one layer's Hessian or GGN block, by curvlinops.

The matrices are those of the mean loss in the layer's weight, flattened as the module holds it. A product with one
costs one double backward pass (Hessian), or one forward and one backward pass (GGN), per micro-batch. Needs the package
`curvlinops-for-pytorch`.
"""

from collections.abc import Sequence

import curvlinops
import numpy as np
import torch
from scipy.sparse.linalg import eigsh
from torch import nn

from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.measuring import require_eval_mode
from layercurv.curvature.objective import network_output
from layercurv.errors import InputError, choose

OPERATORS = {"hessian": curvlinops.HessianLinearOperator, "ggn": curvlinops.GGNLinearOperator}


def layer_operator(
    model: nn.Module,
    loss: Loss | nn.CrossEntropyLoss,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    layer: WeightLayer,
    matrix: str = "hessian",
):
    """Make one layer's curvature matrix as a linear operator; the weight is set to require gradients.

    Args:
        model: The network, in eval mode. Attention must run in its plain form: set up `sdpa_kernel(SDPBackend.MATH)`.
        loss: The loss.
        batches: Micro-batches (inputs, targets).
        layer: The layer.
        matrix: "hessian" or "ggn".

    Returns:
        A curvlinops operator of shape [m n, m n].

    Raises:
        InputError: If the matrix is unknown, or a BatchNorm or dropout layer is in train mode.
    """
    require_eval_mode(model)
    operator = choose("curvature matrix", matrix, OPERATORS)
    layer.weight.requires_grad_(True)
    return operator(_Outputs(model), _MeanLoss(as_loss(loss)), [layer.weight], list(batches), check_deterministic=False)


def top_eigenvalues(operator, count: int, seed: int = 0) -> np.ndarray:
    """Find the algebraically largest eigenvalues (Lanczos, by ARPACK).

    Args:
        operator: A symmetric curvlinops operator, [D, D].
        count: How many; fewer than D.
        seed: Of the start vector.

    Returns:
        [count], descending.

    Raises:
        InputError: If count is out of range.
    """
    if not 0 < count < operator.shape[0]:
        raise InputError(f"count: expected 1 to {operator.shape[0] - 1} eigenvalues, got {count}")
    start = np.random.default_rng(seed).standard_normal(operator.shape[0])
    scipy_operator = operator.to_scipy()
    found = eigsh(scipy_operator, count, which="LA", v0=start.astype(scipy_operator.dtype), return_eigenvectors=False)
    return np.sort(found)[::-1]


def trace(operator, n_products: int, seed: int = 0) -> float:
    """Estimate the trace (Hutch++: Meyer, Musco, Musco and Woodruff 2021).

    Args:
        operator: A curvlinops operator, [D, D].
        n_products: Products with the matrix, a multiple of 3 and fewer than D.
        seed: Of the probes.

    Returns:
        The estimate.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return float(curvlinops.hutchpp_trace(operator, n_products))


def spectral_density(operator, n_lanczos: int, n_repeats: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the density of eigenvalues (Lanczos quadrature: Papyan 2020, J. Mach. Learn. Res. 21, 165).

    Args:
        operator: A symmetric curvlinops operator, [D, D].
        n_lanczos: Lanczos vectors per start.
        n_repeats: Random starts averaged over.
        seed: Of the starts.

    Returns:
        Eigenvalue grid and density, [1024] each.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        grid, density = curvlinops.lanczos_approximate_spectrum(operator, n_lanczos, num_repeats=n_repeats)
    return grid.cpu().numpy(), density.cpu().numpy()


class _Outputs(nn.Module):
    # The network with its output unwrapped: curvlinops wants a tensor.
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, inputs):
        return network_output(self.model, inputs)


class _MeanLoss(nn.Module):
    reduction = "mean"  # how curvlinops weighs micro-batches of different size

    def __init__(self, loss: Loss):
        super().__init__()
        self._loss = loss

    def forward(self, outputs, targets):
        return self._loss.sum_loss(outputs, targets) / len(outputs)
