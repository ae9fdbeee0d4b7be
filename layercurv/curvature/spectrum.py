"""Spectra of curvature matrices: of a layer, of several jointly, or of the whole network; by curvlinops and scipy.

    hessian            of the mean loss
    ggn                its generalised Gauss-Newton part
    fisher             E[g g^T], g the gradient of one sample's loss with a label drawn from the network itself
    empirical_fisher   E[g g^T] with the sample's own label

A product with one costs one double backward pass (Hessian), or one forward and one backward pass (the others), per
micro-batch. Needs the package `curvlinops-for-pytorch`.
"""

import functools
import math
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import curvlinops
import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn
from torch.func import grad
from torch.nn.attention import SDPBackend, sdpa_kernel

from layercurv.curvature.batches import Batch, as_batches
from layercurv.curvature.custom_functions import require_seen
from layercurv.curvature.layers import parameters as parameters_of
from layercurv.curvature.losses import CrossEntropy, Loss, SquaredError, as_loss
from layercurv.curvature.measuring import require_eval_mode
from layercurv.curvature.objective import Objective, network_output, told
from layercurv.curvature.precision import full_precision
from layercurv.errors import InputError, choose

IGNORED = nn.CrossEntropyLoss().ignore_index
_SIZE = "n_samples"
_BATCH = "batch"  # curvlinops takes dictionaries as inputs, and hands them on
SMALLEST = 512  # columns: below it a full decomposition takes no longer
_TOLERANCE = 1e-10  # of an eigenvalue, relative; residuals say what was reached
_COLUMNS = 32  # unit vectors multiplied at a time


@dataclass(frozen=True)
class Eigenpairs:
    """Some eigenvalues of a matrix with their vectors, in float64."""

    values: torch.Tensor  # [count]
    vectors: torch.Tensor  # [D, count], orthonormal columns
    residuals: torch.Tensor  # [count], |A v - lambda v|: the matrix has an eigenvalue so near to each value


Array = npt.NDArray[np.floating[Any]]


class CurvatureMatrix:
    """A symmetric matrix [D, D] over some parameters of a network, laid end to end, given by its products."""

    def __init__(self, operator: Any, parameters: dict[str, nn.Parameter]):
        """Wrap an operator; `curvature_matrix` makes one.

        Args:
            operator: Of curvlinops.
            parameters: Those it is about, in its order.
        """
        self._operator = operator
        self._shapes = {name: parameter.shape for name, parameter in parameters.items()}

    @property
    def size(self) -> int:
        """D, how many numbers the parameters hold."""
        return sum(math.prod(shape) for shape in self._shapes.values())

    def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Multiply.

        Args:
            vectors: [D] or [D, count].

        Returns:
            The same shape, in the parameters' precision.
        """
        with _differentiable_twice():
            found: torch.Tensor = self._operator @ vectors.to(self._operator.dtype)
        return found.detach()

    def split(self, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
        """Cut vectors into the parameters' parts.

        Args:
            vectors: [D, count].

        Returns:
            Parameter name to [count, *shape].
        """
        parts = vectors.mT.split([math.prod(shape) for shape in self._shapes.values()], dim=1)
        return {name: part.reshape(-1, *shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}

    def top(self, count: int, seed: int = 0) -> Eigenpairs:
        """Find the algebraically largest eigenvalues: by ARPACK's Lanczos, or in full where D is at most 512.

        Args:
            count: How many; fewer than D.
            seed: Of the start vector.

        Returns:
            The pairs, largest first.
        """
        return self._eigenpairs(count, "LA", seed)

    def bottom(self, count: int, seed: int = 0) -> Eigenpairs:
        """Find the algebraically smallest eigenvalues: of a Hessian, the most negative ones.

        Args:
            count: How many; fewer than D.
            seed: Of the start vector.

        Returns:
            The pairs, smallest first.
        """
        return self._eigenpairs(count, "SA", seed)

    def trace(self, n_products: int, seed: int = 0) -> float:
        """Estimate the trace (Hutch++: Meyer, Musco, Musco and Woodruff 2021), or compute it where that costs no more.

        Args:
            n_products: Products with the matrix, a multiple of 3. D of them give the exact trace.
            seed: Of the probes.

        Returns:
            The trace.

        Raises:
            InputError: If n_products is no positive multiple of 3.
        """
        if n_products < 3 or n_products % 3:
            raise InputError(f"n_products: expected a positive multiple of 3, got {n_products}")
        if n_products >= self.size:
            return float(self._dense().trace())
        return float(self._seeded(seed, lambda: curvlinops.hutchpp_trace(self._operator, n_products)))

    def density(self, n_lanczos: int = 64, n_repeats: int = 1, seed: int = 0) -> tuple[Array, Array]:
        """Estimate the density of eigenvalues (Lanczos quadrature: Papyan 2020, J. Mach. Learn. Res. 21, 165).

        Args:
            n_lanczos: Lanczos vectors per start.
            n_repeats: Random starts averaged over.
            seed: Of the starts.

        Returns:
            Eigenvalue grid and density, [1024] each; the density integrates to one.
        """
        estimate = curvlinops.lanczos_approximate_spectrum
        grid, density = self._seeded(seed, lambda: estimate(self._operator, n_lanczos, num_repeats=n_repeats))
        return grid.cpu().numpy(), density.cpu().numpy()

    def _eigenpairs(self, count: int, which: str, seed: int) -> Eigenpairs:
        if not 0 < count < self.size:
            raise InputError(f"count: expected 1 to {self.size - 1} eigenvalues, got {count}")
        values, vectors = self._decomposed() if self.size <= SMALLEST else self._lanczos(count, which, seed)
        order = np.argsort(values)[:: -1 if which == "LA" else 1][:count].copy()
        found, basis = torch.from_numpy(values[order]), torch.from_numpy(vectors[:, order])
        residuals = (self @ basis.to(self._operator.device)).cpu() - basis * found
        return Eigenpairs(found.double(), basis.double(), residuals.double().norm(dim=0))

    def _lanczos(self, count: int, which: str, seed: int) -> tuple[Array, Array]:
        operator = self._operator.to_scipy()
        start = np.random.default_rng(seed).standard_normal(self.size).astype(operator.dtype)
        with _differentiable_twice():
            if which == "LA":
                values, vectors = eigsh(operator, count, which="LA", v0=start, tol=_TOLERANCE)
                return values, vectors
            # The matrix minus its norm, for ARPACK's tolerance is relative, and zero may be the smallest eigenvalue.
            norm = abs(eigsh(operator, 1, which="LM", v0=start, tol=_TOLERANCE, return_eigenvectors=False)[0])
            turned = LinearOperator(operator.shape, lambda x: norm * x - operator @ x, dtype=operator.dtype)
            values, vectors = eigsh(turned, count, which="LA", v0=start, tol=_TOLERANCE)
        return norm - values, vectors

    def _decomposed(self) -> tuple[Array, Array]:
        values, vectors = torch.linalg.eigh(self._dense())
        return values.cpu().numpy(), vectors.cpu().numpy()

    def _dense(self) -> torch.Tensor:
        unit = torch.eye(self.size, device=self._operator.device).split(_COLUMNS, dim=1)
        products = torch.cat([self @ block for block in unit], dim=1)
        return (products + products.mT) / 2

    def _seeded(self, seed: int, estimate: Callable[[], Any]) -> Any:
        with torch.random.fork_rng(), _differentiable_twice():
            torch.manual_seed(seed)
            return estimate()


def curvature_matrix(
    model: nn.Module,
    loss: Loss | nn.CrossEntropyLoss,
    batches: Iterable[Any],
    matrix: str = "hessian",
    parameters: str | Sequence[str] = "*",
) -> CurvatureMatrix:
    """Open the spectrum of a network's curvature.

    Args:
        model: The network, in eval mode.
        loss: The loss, a function of outputs and targets; its mean over all samples is what is differentiated.
        batches: Micro-batches of any kind that `Batches` takes, with targets.
        matrix: "hessian", "ggn", "fisher" or "empirical_fisher".
        parameters: Which parameters, jointly: names with wildcards, such as "layer4.*" or "fc.weight"; all by default.

    Returns:
        The matrix.

    Raises:
        InputError: If the matrix is unknown, no parameter fits, or a BatchNorm or dropout layer is in train mode.

    Example:
        >>> from layercurv.curvature import SquaredError
        >>> model, x, y = nn.Linear(2, 1, bias=False), torch.eye(2), torch.ones(2, 1)
        >>> curvature_matrix(model, SquaredError(), [(x, y)]).trace(3)  # of E[x x^T] = I/2
        1.0
    """
    require_eval_mode(model)
    operator, mean = choose("curvature matrix", matrix, MATRICES)
    chosen = _matching_parameters(model, [parameters] if isinstance(parameters, str) else parameters)
    outputs, objective, batches = _Outputs(model), Objective(model, as_loss(loss)), as_batches(batches)
    if matrix == "hessian":
        require_seen(model, objective.loss, parameters_of(model, list(chosen)), batches.first())
    criterion = mean(objective.loss)
    sizes = functools.partial(_n_samples, outputs, objective)
    data = [({_BATCH: batch, _SIZE: sizes(batch)}, _targets(batch)) for batch in batches]
    options = {"check_deterministic": False, "batch_size_fn": lambda given: given[_SIZE]}
    made = operator(outputs, criterion, list(chosen.values()), data, **options)
    return CurvatureMatrix(made, chosen)


def _targets(batch: Batch) -> torch.Tensor:
    if not isinstance(batch.targets, torch.Tensor):
        raise InputError(f"batches: expected a tensor of targets, got {type(batch.targets).__name__}")
    return batch.targets


def _n_samples(outputs: "_Outputs", objective: Objective, batch: Batch) -> int:
    n_rows = batch.n_samples
    if batch.n_targets != n_rows:
        with torch.no_grad():
            n_rows = len(outputs({_BATCH: batch}))
    n = batch.counted(n_rows)
    objective.weigh(n, n_rows)
    return n


def _matching_parameters(model: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Parameter]:
    named = dict(model.named_parameters())
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in named):
            raise InputError(f"parameters: none fits {pattern!r}; the network has: {', '.join(named)}")
    return {name: value for name, value in named.items() if any(fnmatchcase(name, p) for p in patterns)}


@contextmanager
def _differentiable_twice() -> Generator[None]:
    # Fused attention has no second derivatives and no forward mode.
    with sdpa_kernel(SDPBackend.MATH), full_precision(), told("a product with the curvature matrix failed"):
        yield


class _Outputs(nn.Module):
    # The network with its output unwrapped: curvlinops wants a tensor.
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, given: dict[str, Batch]) -> torch.Tensor:
        return network_output(self.model, given[_BATCH])


class _MeanLoss(nn.Module):
    reduction = "mean"  # how curvlinops weighs micro-batches of different size

    def __init__(self, loss: Loss):
        super().__init__()
        self._loss = loss

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self._loss.sum_loss(outputs, targets) / len(outputs)


class _MeanLikelihood(_MeanLoss):
    # Its GGN is the Fisher matrix of gradients of per-sample losses. With N samples, Z labelled positions and their
    # labels independent, E[g g^T] holds (N / Z)^2 times each position's own, the GGN N / Z times.
    def __init__(self, loss: Loss):
        super().__init__(loss)
        if type(loss) is not SquaredError and not (
            type(loss) is CrossEntropy and _options(loss) == _options(CrossEntropy())
        ):
            raise InputError(
                "fisher: expected CrossEntropy() without options or SquaredError(), whose labels the network can draw, "
                f"got {type(loss).__name__}; use empirical_fisher or ggn"
            )

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        mean = super().forward(outputs, targets)
        if isinstance(self._loss, SquaredError):
            return mean
        if targets.is_floating_point():
            raise InputError("fisher: expected class indices as targets, got probabilities; use ggn")
        n_labelled = (targets != IGNORED).sum()
        return mean * len(outputs) / n_labelled  # in the outputs' precision, unlike N / Z by itself


class _GradientSquares(_MeanLoss):
    # Half the squared slope of each sample along its own gradient: its GGN is E[g g^T].
    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        gradient: torch.Tensor = grad(self._loss.sum_loss)(outputs.detach(), targets)
        slopes = (outputs * gradient).flatten(1).sum(1)
        return slopes.square().sum() / (2 * len(outputs))


def _options(loss: CrossEntropy) -> dict[str, Any]:
    return {name: value for name, value in vars(loss).items() if name != "_class_axis"}


MATRICES = {
    "hessian": (curvlinops.HessianLinearOperator, _MeanLoss),
    "ggn": (curvlinops.GGNLinearOperator, _MeanLoss),
    "fisher": (curvlinops.GGNLinearOperator, _MeanLikelihood),
    "empirical_fisher": (curvlinops.GGNLinearOperator, _GradientSquares),
}
