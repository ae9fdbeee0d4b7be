"""What a step along a batch gradient's singular directions keeps, on other samples, of the decrease it promises."""

import numpy as np

# Weights of the steps U diag(w) V^T that optimisers take, by singular value; 0.1 is the source paper's damping.
STEPS = {
    "gradient": lambda sigma: sigma,
    "spectral_newton": lambda sigma: sigma / (sigma**2 + 0.1),
    "orthogonal": np.ones_like,  # as Muon's
    "undamped": lambda sigma: 1 / sigma,
}


def step_survival(singular_values, fresh_means, is_null, step: str) -> float:
    """Compare the first-order decrease of the loss along a step on other samples with that on its own batch.

    The batch's gradient is sum_k sigma_k u_k v_k^T, a step sum_k w_k u_k v_k^T; the loss falls by sum_k w_k sigma_k per
    unit of rate on the batch, and by sum_k w_k u_k^T G' v_k on other samples with gradient G'. A factor on all w_k
    changes nothing.

    Args:
        singular_values: sigma_k, shape [K]: only these directions are looked at.
        fresh_means: u_k^T G' v_k, shape [K].
        is_null: True where sigma_k is rounding noise, shape [K].
        step: A key of `STEPS`.

    Returns:
        The second over the first: 1 if other samples agree with the batch, 0 in expectation if it was noise.

    Example:
        >>> step_survival([2.0, 1.0], [2.0, 0.0], [False, False], "orthogonal")
        0.6666666666666666
    """
    used = ~np.asarray(is_null, dtype=bool)
    sigma, fresh = (np.asarray(values, dtype=np.float64)[used] for values in (singular_values, fresh_means))
    weights = STEPS[step](sigma)
    return float((weights * fresh).sum() / (weights * sigma).sum())
