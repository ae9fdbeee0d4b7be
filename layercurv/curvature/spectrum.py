"""Spectra of curvature matrices: of a layer, of several jointly, or of the whole network; by curvlinops and scipy.

    hessian            of the mean loss
    ggn                its generalised Gauss-Newton part
    fisher             E[g g^T], g the gradient of one sample's loss with a label drawn from the network itself
    empirical_fisher   E[g g^T] with the sample's own label

A product with one costs one double backward pass (Hessian), or one more backward pass than that (the others), per
micro-batch. Needs the package `curvlinops-for-pytorch`.
"""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import curvlinops
import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn

from layercurv.curvature.batches import as_batches
from layercurv.curvature.curvature_products import GaussNewtonProducts, HessianProducts
from layercurv.curvature.custom_functions import require_seen
from layercurv.curvature.layers import parameters as parameters_of
from layercurv.curvature.losses import BatchLoss, CrossEntropy, Loss, SquaredError, as_loss
from layercurv.curvature.measuring import require_eval_mode
from layercurv.curvature.objective import told
from layercurv.curvature.separation import is_scaled, sample_scales, scaled
from layercurv.errors import InputError, choose

IGNORED = nn.CrossEntropyLoss().ignore_index
SMALLEST = 512  # columns: below it a full decomposition takes no longer
_TOLERANCE = 1e-10  # of an eigenvalue, relative; residuals say what was reached
_COLUMNS = 32  # unit vectors multiplied at a time
_KAPPA, _MARGIN = 3.0, 0.05  # width of the density's bumps, and of the grid beyond the spectrum; Papyan's section D.2
_MOST_OF_THE_GRID = 0.6


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
            The same shape, in the parameters' precision, float32 for half precision.

        Raises:
            InputError: If the vectors do not fit.
        """
        if vectors.dim() not in (1, 2) or len(vectors) != self.size:
            raise InputError(f"expected vectors [{self.size}] or [{self.size}, count], got {list(vectors.shape)}")
        found: torch.Tensor = self._operator @ vectors.to(self._operator.device, self._operator.dtype)
        return found

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

        Raises:
            InputError: If there are fewer than two Lanczos vectors, or the matrix is zero.
        """
        if n_lanczos < 2 or n_repeats < 1:
            raise InputError(f"density: expected n_lanczos >= 2 and n_repeats >= 1, got {n_lanczos} and {n_repeats}")
        # Bumps at the ends of the spectrum lie on the grid with three of their widths, where it is fine enough.
        width = 2 / (n_lanczos - 1) / math.sqrt(8 * math.log(_KAPPA))
        reach = min(3 * width, _MOST_OF_THE_GRID)
        margin = max(_MARGIN, reach / (2 * (1 - reach)))
        options = {"num_repeats": n_repeats, "kappa": _KAPPA, "margin": margin}
        estimate = curvlinops.lanczos_approximate_spectrum
        grid, density = self._seeded(seed, lambda: estimate(self._operator, n_lanczos, **options))
        x, y = grid.double().cpu().numpy(), density.double().cpu().numpy()
        return x, y / np.trapezoid(y, x)

    def _eigenpairs(self, count: int, which: str, seed: int) -> Eigenpairs:
        if not 0 < count < self.size:
            raise InputError(f"count: expected 1 to {self.size - 1} eigenvalues, got {count}")
        with told("finding eigenvalues failed (is the matrix zero?)"):
            values, vectors = self._decomposed() if self.size <= SMALLEST else self._lanczos(count, which, seed)
        order = np.argsort(values)[:: -1 if which == "LA" else 1][:count].copy()
        found, basis = torch.from_numpy(values[order]), torch.from_numpy(vectors[:, order])
        residuals = (self @ basis.to(self._operator.device)).cpu() - basis * found
        return Eigenpairs(found.double(), basis.double(), residuals.double().norm(dim=0))

    def _lanczos(self, count: int, which: str, seed: int) -> tuple[Array, Array]:
        operator = self._operator.to_scipy()
        start = np.random.default_rng(seed).standard_normal(self.size).astype(operator.dtype)
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
        with torch.random.fork_rng(), told("estimating failed (is the matrix zero?)"):
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
    criterion = choose("curvature matrix", matrix, MATRICES)
    chosen = _matching_parameters(model, [parameters] if isinstance(parameters, str) else parameters)
    measured, samples, layers = as_loss(loss), list(as_batches(batches)), parameters_of(model, list(chosen))
    if matrix == "hessian":
        require_seen(model, measured, layers, samples[0])
        return CurvatureMatrix(HessianProducts(model, measured, layers, samples), chosen)
    if isinstance(measured, BatchLoss):
        raise InputError(
            f"{matrix}: expected a loss of outputs and targets, got {type(measured).__name__}; use OutputLoss, or take "
            "the hessian"
        )
    return CurvatureMatrix(GaussNewtonProducts(model, measured, layers, samples, criterion(measured)), chosen)


def _matching_parameters(model: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Parameter]:
    named = {name: value for name, value in model.named_parameters() if value.is_floating_point()}
    by_any_name = dict(model.named_parameters(remove_duplicate=False))
    chosen: dict[nn.Parameter, str] = {}  # told apart by identity: one that is shared has a row for each entry once
    for pattern in patterns:
        fitting = {name: value for name, value in named.items() if fnmatchcase(name, pattern)}
        fitting = fitting or {name: value for name, value in by_any_name.items() if name == pattern}
        if not fitting:
            raise InputError(f"parameters: none fits {pattern!r}; the network has: {', '.join(named)}")
        for name, value in fitting.items():
            chosen.setdefault(value, name)
    return {chosen[value]: value for value in named.values() if value in chosen}


class _MeanLoss:
    """The mean loss over the samples, as a function of outputs, targets and N."""

    def __init__(self, loss: Loss):
        self._loss = loss

    def __call__(self, outputs: torch.Tensor, targets: Any, n: int) -> torch.Tensor:
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

    def __call__(self, outputs: torch.Tensor, targets: Any, n: int) -> torch.Tensor:
        mean = super().__call__(outputs, targets, n)
        if isinstance(self._loss, SquaredError):
            return mean
        if targets.is_floating_point():
            raise InputError("fisher: expected class indices as targets, got probabilities; use ggn")
        n_labelled = (targets != IGNORED).sum()
        scaled_mean: torch.Tensor = mean * n / n_labelled  # in the outputs' precision, unlike N / Z by itself
        return scaled_mean


class _GradientSquares(_MeanLoss):
    # Half the squared slope of each sample along its own gradient: its GGN is E[g g^T].
    def __call__(self, outputs: torch.Tensor, targets: Any, n: int) -> torch.Tensor:
        f = outputs.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self._loss.sum_loss(f, targets), f, create_graph=True)
        if gradient.requires_grad and len(f) > 1:
            self._require_samples_apart(f, gradient)
        # Of a sample with several rows of outputs, its gradient is their mean.
        slopes = (outputs * gradient.detach()).reshape(n, -1).sum(1) * (n / len(outputs))
        return slopes.square().sum() / (2 * n)

    def _require_samples_apart(self, f: torch.Tensor, gradient: torch.Tensor) -> None:
        v = torch.randn(f.shape, generator=torch.Generator().manual_seed(0)).to(f)
        product = functools.partial(torch.autograd.grad, gradient, f, retain_graph=True, materialize_grads=True)
        (whole,) = product(v)
        for r in sample_scales(len(f), f):
            (apart,) = product(scaled(v, r))
            if not is_scaled(apart, whole, r, torch.finfo(f.dtype).eps):
                raise InputError(
                    "empirical_fisher: the loss couples the samples of a micro-batch, so that one sample has no "
                    "gradient of its own; use ggn"
                )


def _options(loss: CrossEntropy) -> dict[str, Any]:
    return {name: value for name, value in vars(loss).items() if name != "_class_axis"}


MATRICES: dict[str, Any] = {
    "hessian": None,
    "ggn": _MeanLoss,
    "fisher": _MeanLikelihood,
    "empirical_fisher": _GradientSquares,
}
