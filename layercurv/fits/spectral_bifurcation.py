"""The two clusters of a deep linear network's Hessian: how many eigenvalues each has, their means, their ratio.

Theory (Deng et al. 2026, arXiv:2602.00545): with whitened inputs, a target of rank r and unit singular values, and a
balanced minimum of L layers, r^2 eigenvalues of the mean half squared error equal L, r(d_in - r) + r(d_out - r) equal
1, and the rest 0.
"""

import numpy as np

from layercurv.errors import InputError


def predicted_counts(d_in: int, d_out: int, rank: int) -> tuple[int, int]:
    """Count the eigenvalues of each cluster as the theory has them.

    Args:
        d_in: Inputs.
        d_out: Outputs.
        rank: r of the target.

    Returns:
        Dominant, r^2, and bulk, r(d_in - r) + r(d_out - r).
    """
    return rank**2, rank * (d_in - rank) + rank * (d_out - rank)


def balanced_eigenvalues(singular_values, depth: int, d_in: int, d_out: int) -> np.ndarray:
    """Write down the spectrum at a balanced minimum of loss zero for any singular values, white inputs given.

    Each layer then has the singular values s^(1/L), and the Hessian one eigenvalue for each output direction a and
    input direction b: the sum over layers i of s_a^(2(L-i)/L) s_b^(2(i-1)/L), with s = 0 beyond the values given and
    0^0 = 1. Unit singular values give the theory's two clusters. Values within rounding of zero are taken as zero: the
    root would make 1e-16 a visible 6e-4 at L = 10.

    Args:
        singular_values: Of the product of all layers, not negative; at most min(d_in, d_out).
        depth: L.
        d_in: Inputs.
        d_out: Outputs.

    Returns:
        [d_in d_out], descending; all other eigenvalues are zero.

    Raises:
        InputError: If there are too many singular values.

    Example:
        >>> balanced_eigenvalues([1.0], depth=3, d_in=2, d_out=3).tolist()
        [3.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    """
    if len(singular_values) > min(d_in, d_out):
        raise InputError(f"expected at most {min(d_in, d_out)} singular values, got {len(singular_values)}")
    s = np.asarray(singular_values, dtype=np.float64)
    s = np.where(s > depth * max(d_in, d_out) * np.finfo(s.dtype).eps * s.max(), s, 0.0)
    outputs, inputs = (np.pad(s, (0, d - len(s))) ** (2 / depth) for d in (d_out, d_in))
    layers = np.arange(1, depth + 1)[:, None, None]
    return _descending((outputs[:, None] ** (depth - layers) * inputs ** (layers - 1)).sum(0).ravel())


def closed_form_difference(eigenvalues, singular_values, depth: int, d_in: int, d_out: int) -> float:
    """Compare a spectrum with that of the balanced minimum that has the same singular values.

    Args:
        eigenvalues: The whole spectrum, shape [D], D at least d_in d_out.
        singular_values: Of the product of all layers.
        depth: L.
        d_in: Inputs.
        d_out: Outputs.

    Returns:
        Largest difference of eigenvalues, rank by rank, relative to the largest eigenvalue of the closed form.
    """
    expected = np.zeros(len(eigenvalues))
    expected[: d_in * d_out] = balanced_eigenvalues(singular_values, depth, d_in, d_out)
    return float(np.abs(_descending(eigenvalues) - expected).max() / expected[0])


def find_clusters(eigenvalues, null_threshold: float, depth: int) -> dict:
    """Find the clusters from the spectrum alone, and compare their means.

    Null is what is at most `null_threshold` times the largest eigenvalue in size; a negative eigenvalue larger than
    that is in no cluster. The widest gap between neighbours among the others, on a log scale, parts dominant from bulk.

    Args:
        eigenvalues: The whole spectrum, shape [D].
        null_threshold: Relative to the largest eigenvalue.
        depth: L, what the theory says the ratio is.

    Returns:
        What `cluster_ratio` returns for the clusters found, and `n_null`, `n_negative`; `gap`, the ratio across the
        widest gap, and `runner_up_gap`, the next widest: only where the first is much the larger does the split mean
        anything.

    Raises:
        InputError: If fewer than three eigenvalues are positive and not null, or those that are form one cluster.
    """
    ordered = _descending(eigenvalues)
    floor = null_threshold * abs(ordered[0])
    positive, n_negative = ordered[ordered > floor], int((ordered < -floor).sum())
    if len(positive) < 3:
        raise InputError(f"clusters: expected at least 3 positive eigenvalues that are not null, got {len(positive)}")
    gaps = positive[:-1] / positive[1:]
    if gaps.max() <= 1 + null_threshold:
        raise InputError(f"clusters: the {len(positive)} eigenvalues that are not null form one cluster")
    n_dominant = int(gaps.argmax()) + 1
    return cluster_ratio(ordered, n_dominant, len(positive) - n_dominant, depth) | {
        "n_null": len(ordered) - len(positive) - n_negative,
        "n_negative": n_negative,
        "gap": float(gaps.max()),
        "runner_up_gap": float(np.sort(gaps)[-2]),
    }


def cluster_ratio(eigenvalues, n_dominant: int, n_bulk: int, depth: int) -> dict:
    """Compare the means of the two clusters, given how many eigenvalues each has.

    Args:
        eigenvalues: The whole spectrum, shape [D].
        n_dominant: The largest so many are dominant.
        n_bulk: The next so many are bulk.
        depth: L, what the theory says the ratio is.

    Returns:
        The counts given; `mean_dominant`, `mean_bulk`; `spread_dominant`, `spread_bulk`: largest less smallest over the
        mean; `ratio` of the means, `ratio_minus_depth`; `max_abs_rest`, the largest size among the eigenvalues in
        neither (0 if there is none).

    Raises:
        InputError: If a cluster is empty, the spectrum too short, or the mean of the bulk is not positive.
    """
    ordered = _descending(eigenvalues)
    if min(n_dominant, n_bulk) < 1 or n_dominant + n_bulk > len(ordered):
        raise InputError(f"clusters: expected {n_dominant} + {n_bulk} out of {len(ordered)} eigenvalues, none empty")
    dominant, bulk, rest = np.split(ordered, [n_dominant, n_dominant + n_bulk])
    if bulk.mean() <= 0:
        raise InputError(f"clusters: expected a bulk with a positive mean, got {bulk.mean()}")
    ratio = float(dominant.mean() / bulk.mean())
    return {
        "n_dominant": n_dominant,
        "mean_dominant": float(dominant.mean()),
        "spread_dominant": float(np.ptp(dominant) / dominant.mean()),
        "n_bulk": n_bulk,
        "mean_bulk": float(bulk.mean()),
        "spread_bulk": float(np.ptp(bulk) / bulk.mean()),
        "ratio": ratio,
        "ratio_minus_depth": ratio - depth,
        "max_abs_rest": float(np.abs(rest).max(initial=0.0)),
    }


def _descending(eigenvalues) -> np.ndarray:
    return np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1]
