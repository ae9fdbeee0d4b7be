"""How far Spectral Newton's direction is from plain gradient descent's."""

import torch

from layercurv.errors import InputError
from layercurv.optim.spectral_step import spectral_step


def step_cosine(gradient: torch.Tensor, alpha: float, damping: float) -> float:
    """Compute the cosine between the spectral step and the gradient, which is the step of SGD.

    cos = sum_k sigma_k T(sigma_k) / (|sigma| |T(sigma)|): 1 if all singular values are equal, or if the damping is
    large against all sigma^alpha (then the step is G / d).

    Args:
        gradient: G, [m, n].
        alpha: Curvature exponent, positive.
        damping: d, not negative.

    Returns:
        The cosine, in (0, 1].

    Raises:
        InputError: If the gradient is zero, where no cosine exists, or is refused by `spectral_step`.

    Example:
        >>> G = torch.diag(torch.tensor([3.0, 4.0]))
        >>> round(step_cosine(G, alpha=1, damping=0.0), 6)  # (3 + 4) / (5 sqrt(2))
        0.989949
    """
    step = spectral_step(gradient, alpha, damping).double()
    G = gradient.double()
    norms = torch.linalg.vector_norm(G) * torch.linalg.vector_norm(step)
    if norms == 0:
        raise InputError(f"expected a gradient that is not zero, got zeros of shape {tuple(gradient.shape)}")
    return float((G * step).sum() / norms)
