"""Regression data of a linear teacher: inputs of a chosen empirical covariance, targets W* x of a chosen rank."""

import math
from dataclasses import dataclass

import torch

from layercurv.errors import InputError, choose


@dataclass(frozen=True)
class LinearTeacher:
    """A regression sample and the map behind it, in float64."""

    inputs: torch.Tensor  # [N, d_in]
    targets: torch.Tensor  # [N, d_out]
    W: torch.Tensor  # [d_out, d_in], W* of rank r
    provenance: dict  # for the record


def linear_teacher(
    d_in: int,
    d_out: int,
    singular_values: list[float],
    n_samples: int,
    covariance: str,
    condition_number: float,
    noise: float,
    generator: torch.Generator,
) -> LinearTeacher:
    """Draw inputs x, a map W* with the given singular values between random directions, and targets y = W* x + e.

    The covariance X^T X / N is exact to rounding where it is "white" or "skewed", and so is the mean, zero: the drawn
    sample is centred and whitened. Every covariance and noise level takes the same numbers from the generator, so
    that data made from one seed differ in nothing else.

    Args:
        d_in: Inputs.
        d_out: Outputs.
        singular_values: Of W*; as many as its rank r.
        n_samples: N, more than d_in.
        covariance: "white": the identity. "balanced": the identity in the population, the sample left as drawn.
            "skewed": eigenvalues j^(-p), j = 1..d_in, of mean one, along random directions.
        condition_number: Largest over smallest eigenvalue of "skewed"; the others do not use it.
        noise: Standard deviation of each entry of e.
        generator: Source of all random numbers, on the CPU.

    Returns:
        The data; `provenance` says that it is generated, and by its `n_test` that it is measured on itself.

    Raises:
        InputError: If a size, the covariance, the condition number or the noise is out of range.
    """
    _check(d_in, d_out, singular_values, n_samples, condition_number, noise)
    make = choose("teacher.covariance", covariance, _COVARIANCES)
    drawn = _normal(n_samples, d_in, generator)
    axes, left, right = (random_orthogonal(d, generator) for d in (d_in, d_out, d_in))
    errors = _normal(n_samples, d_out, generator)
    r = len(singular_values)
    W = left[:, :r] * torch.tensor(singular_values, dtype=torch.float64) @ right[:, :r].T
    inputs = make(drawn, axes, condition_number)
    provenance = {
        "name": f"gaussian_{covariance}",
        "source": f"generated from seed {generator.initial_seed()}",
        "shards_sha256": {},
        "pixels_sha256": {},
        "n_lossy_train": 0,
        "n_train": n_samples,
        "n_test": n_samples,
    }
    return LinearTeacher(inputs, inputs @ W.T + noise * errors, W, provenance)


def random_orthogonal(size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw an orthogonal matrix from the Haar measure (QR of a Gaussian matrix, diagonal of R positive).

    Source: Mezzadri 2007, Notices AMS 54, 592.

    Args:
        size: Rows and columns.
        generator: Source of the numbers, on the CPU.

    Returns:
        [size, size], float64.
    """
    return _positive_qr(_normal(size, size, generator))


def power_law_eigenvalues(count: int, condition_number: float) -> torch.Tensor:
    """Return j^(-p) for j = 1..count, scaled to mean one, with the p that gives the condition number.

    Args:
        count: How many.
        condition_number: First over last.

    Returns:
        [count], float64, descending.
    """
    p = math.log(condition_number) / math.log(count) if count > 1 else 0.0
    powers = torch.arange(1, count + 1, dtype=torch.float64) ** -p
    return powers / powers.mean()


def _white(drawn: torch.Tensor, axes: torch.Tensor, condition_number: float) -> torch.Tensor:
    # Q of the centred sample has Q^T Q = I and columns of mean zero.
    return _positive_qr(drawn - drawn.mean(0)) * math.sqrt(len(drawn))


def _balanced(drawn: torch.Tensor, axes: torch.Tensor, condition_number: float) -> torch.Tensor:
    return drawn


def _skewed(drawn: torch.Tensor, axes: torch.Tensor, condition_number: float) -> torch.Tensor:
    eigenvalues = power_law_eigenvalues(len(axes), condition_number)
    return _white(drawn, axes, condition_number) * eigenvalues.sqrt() @ axes.T


_COVARIANCES = {"white": _white, "balanced": _balanced, "skewed": _skewed}


def _normal(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


def _positive_qr(matrix: torch.Tensor) -> torch.Tensor:
    Q, R = torch.linalg.qr(matrix)
    return Q * R.diagonal().sign()


def _check(d_in, d_out, singular_values, n_samples, condition_number, noise) -> None:
    if not 1 <= len(singular_values) <= min(d_in, d_out):
        raise InputError(
            f"teacher.singular_values: expected 1 to {min(d_in, d_out)} values for a {d_out} x {d_in} map, "
            f"got {len(singular_values)}"
        )
    if not all(value > 0 for value in singular_values):
        raise InputError(f"teacher.singular_values: expected positive numbers, got {singular_values}")
    if n_samples <= d_in:
        raise InputError(f"teacher.n_samples: expected more than d_in = {d_in}, got {n_samples}")
    if condition_number < 1 or noise < 0:
        raise InputError(f"teacher: expected condition_number >= 1 and noise >= 0, got {condition_number} and {noise}")
