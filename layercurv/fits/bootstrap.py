"""An interval of alpha from the scatter of samples."""

import numpy as np

from layercurv.errors import InputError

RESAMPLES = 1000


def bootstrap_alpha(slopes, curvatures, keep, seed: int = 0) -> dict:
    """Draw samples with replacement and fit alpha to the means of each draw (percentile bootstrap).

    Directions are held fixed, and so is the choice of those that enter the fit; one whose resampled sigma or h is not
    positive sits out that draw. Unlike the least-squares interval this one knows that the points of a spectrum move
    together; it does not know how alpha scatters over training runs, nor that the directions themselves are estimated.

    Args:
        slopes: Per-sample u_k^T G_i v_k, shape [B, K]; the mean is sigma_k.
        curvatures: Per-sample contributions to h_k, shape [B, K].
        keep: Directions that enter alpha, boolean, shape [K].
        seed: Of the draws.

    Returns:
        `ci95_low`, `ci95_high`, `standard_error` and the number of draws `n_resamples`.

    Raises:
        InputError: If there are fewer than two samples or three directions, or shapes differ.
    """
    slopes, curvatures = (
        np.asarray(x, dtype=np.float64)[:, np.asarray(keep, dtype=bool)] for x in (slopes, curvatures)
    )
    if slopes.shape != curvatures.shape or slopes.shape[0] < 2 or slopes.shape[1] < 3:
        raise InputError(
            f"bootstrap: expected two arrays of one shape, at least 2 samples by 3 directions, "
            f"got {slopes.shape} and {curvatures.shape}"
        )
    n = len(slopes)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n  # [draws, B]
    alphas = _slopes_of_logarithms(weights @ slopes, weights @ curvatures)
    low, high = np.percentile(alphas, [2.5, 97.5])
    return {
        "ci95_low": float(low),
        "ci95_high": float(high),
        "standard_error": float(alphas.std(ddof=1)),
        "n_resamples": RESAMPLES,
    }


def _slopes_of_logarithms(sigma: np.ndarray, h: np.ndarray) -> np.ndarray:
    # [draws, K] each -> [draws], least-squares slopes of log h on log sigma
    used = (sigma > 0) & (h > 0)
    if (used.sum(1) < 3).any():
        raise InputError("bootstrap: a draw leaves fewer than three directions with positive sigma and h")
    x, y = (np.log(np.where(used, value, 1.0)) for value in (sigma, h))
    count = used.sum(1, keepdims=True)
    dx = np.where(used, x - x.sum(1, keepdims=True) / count, 0.0)
    return (dx * y).sum(1) / (dx * dx).sum(1)
