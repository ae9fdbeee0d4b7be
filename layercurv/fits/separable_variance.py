"""Singular values of a gradient that is pure noise between its two Kronecker factors.

G = C_d^(1/2) Z C_A^(1/2) / sqrt(N), Z of shape [m, n] with independent standard entries: the separable covariance
model. `predicted_singular_values` takes the quantiles of its deterministic equivalent, `sampled_singular_values` draws.

Which one: the law is smooth and needs no draws. It places the typical sigma_k within about 1 % where many eigenvalues
of both factors contribute, within 4 % for factors as steep as k^-2, and 20 % too high for sigma_1 when one pair of
eigenvalues carries nearly everything: sigma_1 then is one Gaussian number, and there is no law of large numbers for it.
The law is silent on scatter: log sigma_1 of a single matrix scatters by 0.02 for flat factors of size 100, by 0.13 for
k^-1 and by 0.36 for k^-2. Sample to compare one measured gradient with the model, and whenever factors are steep.
"""

import numpy as np

from layercurv.errors import InputError
from layercurv.fits.deterministic_equivalent import count_above

POINTS_PER_DECADE = 128  # one grid step is 0.9 % of a singular value


def predicted_singular_values(eigenvalues_d, eigenvalues_A, n_samples: float, count: int) -> list[float]:
    """Take the `count` largest singular values as quantiles k - 1/2 of the deterministic equivalent.

    sigma_k is where `count_above` of N G G^T, as a function of sigma^2 N, is k - 1/2.

    Args:
        eigenvalues_d: Of C_d, shape [m]; those below float rounding of the largest count as zero.
        eigenvalues_A: Of C_A, shape [n].
        n_samples: N; only the scale 1/sqrt(N) depends on it.
        count: How many, at most the smaller number of positive eigenvalues.

    Returns:
        Singular values, descending. Cost: that of `count_above` at 128 thresholds per decade of sigma^2.

    Raises:
        InputError: If an eigenvalue is negative or not finite, `count` or `n_samples` is out of range, or the root is
            not found (use `sampled_singular_values`).

    Source: Couillet and Hachem (2014), Analysis of the limiting spectral measure of large random matrices of the
    separable covariance type.
    """
    d, a, scale = _checked(eigenvalues_d, eigenvalues_A, n_samples, count)
    top = (d.size**0.5 + a.size**0.5) ** 2  # no eigenvalue of the law lies above, d and a being at most 1
    lowest = _below_the_last(top, d, a, count)
    n_points = 1 + int(np.ceil(POINTS_PER_DECADE * np.log10(top / lowest)))
    x = np.geomspace(top, lowest, n_points)
    log_x = np.interp(np.arange(count) + 0.5, count_above(x, d, a), np.log(x))
    return (scale * np.exp(log_x / 2)).tolist()


def sampled_singular_values(
    eigenvalues_d, eigenvalues_A, n_samples: float, count: int, n_draws: int = 20, seed: int = 0
) -> dict:
    """Draw Gaussian Z and average the logarithms of the `count` largest singular values.

    Exact for Gaussian Z at any size and any spectrum, up to the error std_log / sqrt(n_draws) of a mean.

    Args:
        eigenvalues_d: Of C_d, shape [m].
        eigenvalues_A: Of C_A, shape [n].
        n_samples: N; only the scale 1/sqrt(N) depends on it.
        count: How many, at most the smaller number of positive eigenvalues.
        n_draws: At least 2. Cost: one singular value decomposition of an m x n matrix each.
        seed: Of the draws.

    Returns:
        `values` (exp of the mean log, shape [count]), `mean_log`, `std_log` (of a single matrix) and `n_draws`.

    Raises:
        InputError: As `predicted_singular_values`, or if n_draws < 2.
    """
    d, a, scale = _checked(eigenvalues_d, eigenvalues_A, n_samples, count)
    if n_draws < 2:
        raise InputError(f"separable variance: expected at least 2 draws, got {n_draws}")
    rng = np.random.default_rng(seed)
    draws = np.empty((n_draws, count))
    for row in draws:
        matrix = np.sqrt(d)[:, None] * rng.standard_normal((d.size, a.size)) * np.sqrt(a)
        row[:] = np.log(scale * np.linalg.svd(matrix, compute_uv=False)[:count])
    mean_log = draws.mean(0)
    return {
        "values": np.exp(mean_log).tolist(),
        "mean_log": mean_log.tolist(),
        "std_log": draws.std(0, ddof=1).tolist(),
        "n_draws": n_draws,
    }


def _checked(eigenvalues_d, eigenvalues_A, n_samples: float, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    # positive eigenvalues, the largest of each factor being 1, and the scale of the singular values
    d, a = (_positive(name, values) for name, values in (("C_d", eigenvalues_d), ("C_A", eigenvalues_A)))
    if not 0 < n_samples < np.inf:
        raise InputError(f"separable variance: expected a positive number of samples, got {n_samples}")
    if not 1 <= count <= min(d.size, a.size):
        raise InputError(
            f"separable variance: expected a count from 1 to {min(d.size, a.size)}, the smaller number of positive "
            f"eigenvalues, got {count}"
        )
    return d / d.max(), a / a.max(), float(np.sqrt(d.max()) * np.sqrt(a.max()) / np.sqrt(n_samples))


def _positive(name: str, values) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or not values.max() > 0:
        raise InputError(f"separable variance: expected finite eigenvalues of {name}, one positive, got {values}")
    if values.min() < -1e-6 * values.max():  # below that it is the rounding of a float32 covariance
        raise InputError(f"separable variance: expected eigenvalues of {name} >= 0, got {values.min()}")
    return values[values > np.finfo(np.float64).eps * values.max()]


def _below_the_last(top: float, d: np.ndarray, a: np.ndarray, count: int) -> float:
    for decade in range(1, 40):
        x = top * 10.0**-decade
        if count_above([x], d, a)[0] > count - 0.5:
            return x
    raise InputError(f"separable variance: sigma_{count} is below 1e-20 of sigma_1; ask for fewer")
