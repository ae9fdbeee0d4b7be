"""Spectral Newton's step, T(sigma; alpha) = sigma / (sigma^alpha + d) along each singular direction, without an SVD."""

import math

import torch

from layercurv.errors import InputError

# Largest trace(G G^T) / d up to which a Cholesky factorisation in this type is used, the cheaper type first. Measured
# on 256 x 576 with flat, power-law and log-uniform spectra: up to 1e3, float32 loses no more digits than an SVD in
# float32 (2e-5), at half the time of float64; at 1e6 it is wrong by 1e-2. Float64 gives float32 rounding up to 1e8.
_CHOLESKY_LIMITS = {torch.float32: 1e3, torch.float64: 1e12}


def spectral_step(gradient: torch.Tensor, alpha: float, damping: float) -> torch.Tensor:
    """Compute U diag(sigma / (sigma^alpha + d)) V^T for G = U diag(sigma) V^T.

    It is f(G G^T) G with f(lambda) = 1 / (lambda^(alpha/2) + d), or G f(G^T G), whichever Gram matrix is smaller:
    alpha = 2 takes (G G^T + d I)^-1 by one Cholesky factorisation, any other alpha an eigendecomposition. alpha = 1
    without damping gives the polar factor U V^T; alpha = 0 is G / (1 + d), the step of SGD.

    A singular value of zero takes a step of zero. Directions within rounding of it, sigma_k <= sigma_1 eps max(m, n) as
    in numpy.linalg.matrix_rank, follow the formula as long as the damping exceeds sigma^alpha at that bound; with less
    damping, or none, their step would be noise blown up, and they take none.

    Accuracy for a float32 gradient, relative to the step in the Frobenius norm: rounding (1e-7) from Gram matrices in
    float64; 2e-5 where alpha = 2 and trace(G G^T) <= 1000 d, which is done in float32 and takes float32 products for
    granted (no TensorFloat-32). A float64 gradient loses eps * sigma_1^2 / d to the squaring.

    Cost with m <= n: 4 m^2 n + O(m^3) floating-point operations, and at most three numbers read back from the device.

    Args:
        gradient: G, [m, n], float32 or float64. (Rounding in shorter types reaches the singular values.)
        alpha: Curvature exponent, not negative.
        damping: d, not negative; its unit is that of sigma^alpha.

    Returns:
        The step, [m, n], in the type of the gradient. Its sign is the gradient's: descent subtracts it.

    Raises:
        InputError: If the gradient is not a matrix or not finite, or alpha or the damping is out of range.

    Source:
        arXiv 2606.02596, Spectral Newton.

    Example:
        >>> spectral_step(torch.diag(torch.tensor([2.0, 1.0, 0.0])), alpha=2, damping=1.0)
        tensor([[0.4000, 0.0000, 0.0000],
                [0.0000, 0.5000, 0.0000],
                [0.0000, 0.0000, 0.0000]])
    """
    _require_usable(gradient, alpha, damping)
    if alpha == 0:
        _require_finite(torch.linalg.vector_norm(gradient, dtype=torch.float64))
        return gradient / (1 + damping)
    is_wide = gradient.shape[0] <= gradient.shape[1]
    G = gradient if is_wide else gradient.T
    step = _by_cholesky(G, damping) if alpha == 2 and damping > 0 else None
    if step is None:
        step = _by_eigenvalues(G, alpha, damping)
    step = step.to(gradient.dtype)
    return step if is_wide else step.T


def _by_cholesky(G: torch.Tensor, damping: float) -> torch.Tensor | None:
    # (H H^T + I)^-1 H / sqrt(d) with H = G / sqrt(d), so that no scale of G overflows. None if too ill-conditioned.
    scale = math.sqrt(damping)
    for dtype, limit in _CHOLESKY_LIMITS.items():
        if dtype.itemsize < G.dtype.itemsize:
            continue
        H = G.to(dtype) / scale
        gram = H @ H.T
        if gram.trace() <= limit:  # false for NaN and after an overflow
            gram.diagonal().add_(1)
            # The inverse and one product take half the time of triangular solves with n right-hand sides.
            inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
            return inverse.div_(scale) @ H
    return None


def _by_eigenvalues(G: torch.Tensor, alpha: float, damping: float) -> torch.Tensor:
    eps, longest = torch.finfo(G.dtype).eps, max(G.shape)
    # In float64, whose Gram matrix resolves all that float32 holds: a float32 one knows no sigma below 3e-4 sigma_1.
    G = G.double()
    gram = G @ G.T
    _require_finite(gram.trace())
    eigenvalues, vectors = torch.linalg.eigh(gram)
    f = 1 / (eigenvalues.clamp(min=0) ** (alpha / 2) + damping)
    # Squared bound on sigma; the second term is what the eigenvalues of a float64 matrix are known to.
    null = eigenvalues[-1] * max((eps * longest) ** 2, torch.finfo(G.dtype).eps * longest)
    f = f.masked_fill((eigenvalues <= null) & (damping <= null ** (alpha / 2)), 0)
    return (vectors * f) @ vectors.T @ G


def _require_usable(gradient: torch.Tensor, alpha: float, damping: float) -> None:
    if gradient.ndim != 2 or gradient.numel() == 0 or gradient.dtype not in _CHOLESKY_LIMITS:
        raise InputError(
            f"expected the gradient as a matrix [m, n] in float32 or float64, got {gradient.dtype} of shape "
            f"{tuple(gradient.shape)}"
        )
    if not 0 <= alpha < math.inf:
        raise InputError(f"alpha: expected a number that is not negative, got {alpha}")
    if not 0 <= damping < math.inf:
        raise InputError(f"damping: expected a number that is not negative, got {damping}")


def _require_finite(size: torch.Tensor) -> None:
    if not torch.isfinite(size):
        raise InputError(
            "expected a finite gradient, got NaN, infinity or entries whose squares overflow; lower the learning rate"
        )
