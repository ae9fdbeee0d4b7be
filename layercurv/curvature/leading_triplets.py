"""The K leading singular triplets of a large matrix, certified, without decomposing all of it.

Block Golub-Kahan-Lanczos from a random start, with full reorthogonalisation and thick restarts (Golub, Luk and Overton
1981, ACM Trans. Math. Softw. 7, 149; Baglama and Reichel 2006, BIT 46, 29). Kept are orthonormal V and U and a small T
with G V = U T; what G^T U has beyond V is the next block of V, and its size is the residual of every triplet.
"""

from dataclasses import dataclass

import torch

SMALLEST = 512  # rows or columns: below it a full decomposition takes no longer
MARGIN = 4  # a block has so many columns more than triplets are wanted: equal singular values up to there are all found
MAX_BLOCKS = 12  # of the basis; then it is restarted from
KEPT_BLOCKS = 2
BLOCKS_BETWEEN_CHECKS = 3
MAX_STEPS = 400
TOLERANCE = 1e-12  # of a residual, relative to the largest singular value


@dataclass(frozen=True)
class Triplets:
    """Leading singular triplets with what proves them."""

    singular_values: torch.Tensor  # [K], descending
    left: torch.Tensor  # [m, K], orthonormal columns
    right: torch.Tensor  # [n, K], orthonormal columns
    residuals: torch.Tensor  # [K], |G^T u - sigma v|, while G v = sigma u: G has a singular value so near to each sigma


def is_large(shape: tuple[int, ...], count: int) -> bool:
    """Say whether `leading_triplets` takes less time than a full decomposition.

    Args:
        shape: Of the matrix.
        count: K.

    Returns:
        Whether it does.
    """
    return min(shape) > max(SMALLEST, MAX_BLOCKS * (count + MARGIN))


def leading_triplets(G: torch.Tensor, count: int, seed: int = 0) -> Triplets | None:
    """Find the leading singular triplets of a matrix that `is_large`.

    Args:
        G: [m, n], float64.
        count: K.
        seed: Of the start; residuals are certain, that no larger singular value was missed is so with probability one.

    Returns:
        The triplets, residuals below 1e-12 sigma_1; None if 400 steps do not suffice.
    """
    b = count + MARGIN
    start = torch.randn(G.shape[1], b, dtype=G.dtype, generator=torch.Generator().manual_seed(seed))
    V = torch.linalg.qr(start.to(G.device)).Q
    U, T = torch.linalg.qr(G @ V)
    for step in range(MAX_STEPS):
        W, rest = torch.linalg.qr(_without(V, G.mT @ U[:, -b:])[0])
        is_full = V.shape[1] + b > MAX_BLOCKS * b
        if is_full or step % BLOCKS_BETWEEN_CHECKS == BLOCKS_BETWEEN_CHECKS - 1:
            A, S, Bt = torch.linalg.svd(T)
            if _norms(rest @ A[-b:, :count]).max() <= TOLERANCE / 2 * S[0]:
                found = _certified(G, S[:count], U @ A[:, :count], V @ Bt[:count].mT)
                if found.residuals.max() <= TOLERANCE * S[0]:
                    return found
            if is_full:
                kept = KEPT_BLOCKS * b
                U, V, T = U @ A[:, :kept], V @ Bt[:kept].mT, torch.diag(S[:kept])
        W = torch.linalg.qr(_without(V, W)[0]).Q
        new, coupling = _without(U, G @ W)
        Q, own = torch.linalg.qr(new)
        above, below = torch.cat([T, coupling], 1), torch.cat([own.new_zeros(b, T.shape[1]), own], 1)
        U, V, T = torch.cat([U, Q], 1), torch.cat([V, W], 1), torch.cat([above, below], 0)
    return None


def leading_eigenvalues(matrix: torch.Tensor, count: int) -> torch.Tensor:
    """Find the largest eigenvalues of a positive semidefinite matrix.

    Args:
        matrix: [n, n], symmetric, float64.
        count: K.

    Returns:
        [min(K, n)], descending.
    """
    found = leading_triplets(matrix, count) if is_large(matrix.shape, count) else None
    return torch.linalg.eigvalsh(matrix).flip(0)[:count] if found is None else found.singular_values


def _certified(G: torch.Tensor, sigma: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> Triplets:
    return Triplets(sigma, left, right, _norms(G.mT @ left - right * sigma))


def _without(basis: torch.Tensor, block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    # The block's part that is orthogonal to the basis, and its coefficients in it; twice is enough (Kahan and Parlett).
    once = basis.mT @ block
    block = block - basis @ once
    again = basis.mT @ block
    return block - basis @ again, once + again


def _norms(columns: torch.Tensor) -> torch.Tensor:
    norms: torch.Tensor = torch.linalg.vector_norm(columns, dim=0)
    return norms
