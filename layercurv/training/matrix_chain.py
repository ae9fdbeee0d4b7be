"""Chains of weight matrices W_L ... W_1: how they start, how balanced they are, what their product is.

W_i is d_i x d_(i-1). The chain is balanced where W_(i+1)^T W_(i+1) = W_i W_i^T for all i; gradient flow on any loss of
the product keeps each difference as it was, gradient descent changes it in second order of the step. (Arora, Cohen and
Hazan 2018, ICML; Du, Hu and Lee 2018, NeurIPS.)
"""

from itertools import pairwise

import torch

from layercurv.errors import InputError, choose


def chain_widths(d_in: int, hidden: int, d_out: int, depth: int) -> list[int]:
    """List the widths of a chain with hidden layers all of one width.

    Args:
        d_in: Inputs.
        hidden: Units of each hidden layer.
        d_out: Outputs.
        depth: L, number of matrices.

    Returns:
        d_0 .. d_L.

    Raises:
        InputError: If depth is under 2: a single matrix has nothing to be balanced with.
    """
    if depth < 2:
        raise InputError(f"depth: expected at least 2 layers, got {depth}")
    return [d_in, *[hidden] * (depth - 1), d_out]


def start_weights(
    widths: list[int], kind: str, product_scale: float, rank: int | None, generator: torch.Generator
) -> list[torch.Tensor]:
    """Draw a chain whose product has singular values of about one size, whatever the depth.

    Args:
        widths: d_0 .. d_L.
        kind: "balanced": W_i = g U_i I_r U_(i-1)^T with random orthogonal U_i, exactly balanced, the product's r
            singular values all equal to g^L. "gaussian": independent entries of variance g^2 / d_(i-1), not balanced.
            "he": twice that variance, which makes up for what a ReLU takes away (He et al. 2015, ICCV).
        product_scale: g^L.
        rank: r of a balanced start; None for the most the widths allow. The other kinds have no other: give None.
        generator: Source of the numbers, on the CPU.

    Returns:
        L matrices [d_i, d_(i-1)], float64, the first one applied first.

    Raises:
        InputError: If the kind is unknown, or scale or rank are out of range.
    """
    draw = choose("start.kind", kind, {"balanced": _balanced, "gaussian": _gaussian, "he": _he})
    if not product_scale > 0:
        raise InputError(f"start.product_scale: expected a positive number, got {product_scale}")
    if rank is not None and (kind != "balanced" or not 1 <= rank <= min(widths)):
        raise InputError(f"start.rank: expected null, or 1 to {min(widths)} for a balanced start, got {rank}")
    return draw(widths, product_scale ** (1 / (len(widths) - 1)), rank or min(widths), generator)


def set_weights(model: torch.nn.Module, weights: list[torch.Tensor]) -> None:
    """Copy a chain into the parameters of a network that has no others.

    Args:
        model: The network; its parameters are the matrices, first layer first.
        weights: The chain.

    Raises:
        InputError: If number or shapes differ.
    """
    parameters = list(model.parameters())
    found, given = ([tuple(matrix.shape) for matrix in matrices] for matrices in (parameters, weights))
    if found != given:
        raise InputError(f"weights: expected matrices of shapes {found}, got {given}")
    with torch.no_grad():
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.copy_(weight)


def imbalances(weights: list[torch.Tensor]) -> list[float]:
    """Measure || W_(i+1)^T W_(i+1) - W_i W_i^T ||_F for each pair of neighbours.

    Args:
        weights: The chain.

    Returns:
        L - 1 numbers; all zero where the chain is balanced.
    """
    pairs = pairwise([weight.detach() for weight in weights])
    return [float(torch.linalg.matrix_norm(after.T @ after - before @ before.T)) for before, after in pairs]


def product_singular_values(weights: list[torch.Tensor]) -> list[float]:
    """Compute the singular values of W_L ... W_1.

    Args:
        weights: The chain.

    Returns:
        min(d_0, d_L) numbers, descending.
    """
    matrices = [weight.detach() for weight in reversed(weights)]
    product = torch.linalg.multi_dot(matrices) if len(matrices) > 1 else matrices[0]
    return torch.linalg.svdvals(product).tolist()


def _balanced(widths: list[int], gain: float, rank: int, generator: torch.Generator) -> list[torch.Tensor]:
    # columns of U_i, [d_i, rank]; the sign of a column does not matter, both neighbours carry it
    U = [torch.linalg.qr(_normal(width, width, generator))[0][:, :rank] for width in widths]
    return [gain * after @ before.T for before, after in pairwise(U)]


def _gaussian(widths: list[int], gain: float, rank: int, generator: torch.Generator) -> list[torch.Tensor]:
    return [gain / before**0.5 * _normal(after, before, generator) for before, after in pairwise(widths)]


def _he(widths: list[int], gain: float, rank: int, generator: torch.Generator) -> list[torch.Tensor]:
    return _gaussian(widths, 2**0.5 * gain, rank, generator)


def _normal(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)
