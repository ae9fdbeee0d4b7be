"""How many eigenvalues of a separable-variance Gram matrix lie above a threshold, without drawing one.

D^(1/2) Z A Z^T D^(1/2), D and A diagonal with eigenvalues d_i and a_j, Z of independent standard entries.
"""

import numpy as np

from layercurv.errors import InputError

START = 4.0  # first Im z / Re z
NEAR_AXIS = 1e-5  # last Im z / Re z; counts are blurred by about this share of the neighbours
CONTINUATION_STEPS = (24, 96)  # between the two; 16 lost the root for 4 random spectra of 1000, 24 for none
NEWTON_STEPS = 3  # per continuation step; after the last one until it converges
CHUNK = 64  # thresholds at a time: memory is CHUNK * (m + n) complex numbers


def count_above(x, d, a) -> np.ndarray:
    """Count eigenvalues above each threshold: Im log det(I - D^(1/2) Z A Z^T D^(1/2) / z) / pi, z just above the axis.

    delta is the root in the upper half plane of delta = -sum_i d_i / (z - theta d_i), theta(delta) =
    sum_j a_j / (1 + delta a_j), tracked by Newton steps while Im z falls. The deterministic equivalent of the log
    det is sum_i log(1 - theta d_i / z) + sum_j log(1 + delta a_j) - delta theta, so no density has to be integrated.

    Args:
        x: Thresholds > 0, descending, shape [P].
        d: Positive eigenvalues of the left factor, shape [m]; of order one, or the thresholds' scale is lost.
        a: The same of the right factor, shape [n].

    Returns:
        Expected counts, not whole numbers, ascending, shape [P]. Cost: about 80 sums over P x (m + n) complex numbers.

    Raises:
        InputError: If the root is not found or counts fall.

    Source: Couillet and Hachem (2014), Analysis of the limiting spectral measure of large random matrices of the
    separable covariance type; the log det: Hachem, Khorunzhiy, Loubaton, Najim and Pastur (2008), A new approach
    for mutual information analysis of large dimensional multi-antenna channels.
    """
    x, d, a = (np.asarray(values, dtype=np.float64) for values in (x, d, a))
    chunks = np.array_split(x, -(-x.size // CHUNK))
    found = np.concatenate([_count_chunk(chunk, d, a) for chunk in chunks])
    if (np.diff(found) < -1e-6).any():
        raise InputError("separable variance: counts fall; use sampled_singular_values instead")
    return found


def _count_chunk(x: np.ndarray, d: np.ndarray, a: np.ndarray) -> np.ndarray:
    delta, theta, z = _root(x, d, a)
    log_det = np.log(1 - (theta / z)[:, None] * d).sum(1) + np.log(1 + delta[:, None] * a).sum(1) - delta * theta
    return log_det.imag / np.pi


def _root(x: np.ndarray, d: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    for steps in CONTINUATION_STEPS:
        delta = -d.sum() / (x * (1 + 1j * START))  # the root where Im z is large
        for height in np.geomspace(START, NEAR_AXIS, steps):
            z = x * (1 + 1j * height)
            for _ in range(NEWTON_STEPS):
                delta, _ = _newton_step(delta, z, d, a)
        for _ in range(20):
            delta, change = _newton_step(delta, z, d, a)
            if change < 1e-10:
                break
        theta = _sums(1 / a, delta)[0]
        # delta and -theta/z both in the upper half plane, as transforms of positive measures, leave no other root.
        if change < 1e-10 and ((delta.imag > 0) & ((-theta / z).imag > 0)).all():
            return delta, theta, z
    raise InputError("separable variance: the root of the law was not found; use sampled_singular_values instead")


def _newton_step(delta: np.ndarray, z: np.ndarray, d: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, float]:
    # The root is F(delta) = delta with F = -sum_i 1/(z/d_i - theta).
    theta, squares_a = _sums(1 / a, delta)
    sum_d, squares_d = _sums(z[:, None] / d, -theta)
    newton = delta - (delta + sum_d) / (1 - squares_a * squares_d)
    # (delta + F)/2 stays in the half plane and converges from anywhere, but slowly; Newton may cross to a false root.
    new = np.where(newton.imag > 0, newton, (delta - sum_d) / 2)
    return new, float(np.max(np.abs(new - delta) / np.abs(new)))


def _sums(inverse: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # sums over the last axis of q and q^2, q = 1/(inverse + shift), shape [P] each
    q = 1 / (inverse + shift[:, None])
    return q.sum(1), np.einsum("ij,ij->i", q, q)
