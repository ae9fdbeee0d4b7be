"""The exponent of a heavy tail, by maximum likelihood. Needs the package `powerlaw`."""

import numpy as np

from layercurv.errors import InputError

MIN_TAIL = 10  # points a tail must have to be fitted


def power_law_tail(values) -> dict:
    """Fit p(x) ~ x^-a for x >= x_min, x_min chosen by the smallest Kolmogorov-Smirnov distance.

    Args:
        values: Positive values (eigenvalues of W^T W), shape [n].

    Returns:
        `exponent` a, its `standard_error`, `x_min`, `ks_distance`, `n_tail`, and the log-likelihood ratio against a
        log-normal tail: `ratio` (negative: the log-normal fits better) with its `p_value` (Vuong's test).

    Raises:
        InputError: If fewer than `MIN_TAIL` values are positive.

    Source: Clauset, Shalizi and Newman 2009, SIAM Review 51, 661; Alstott et al. 2014, PLoS ONE 9, e85777.
    """
    import powerlaw  # here: the light packages do without it

    values = np.asarray(values, dtype=np.float64)
    positive = values[values > 0]
    if positive.size < MIN_TAIL:
        raise InputError(f"power-law tail: expected at least {MIN_TAIL} positive values, got {positive.size}")
    fit = powerlaw.Fit(positive, verbose=False)
    ratio, p_value = fit.distribution_compare("power_law", "lognormal", normalized_ratio=True)
    return {
        "exponent": float(fit.power_law.alpha),
        "standard_error": float(fit.power_law.sigma),
        "x_min": float(fit.power_law.xmin),
        "ks_distance": float(fit.power_law.D),
        "n_tail": int((positive >= fit.power_law.xmin).sum()),
        "log_normal_ratio": float(ratio),
        "log_normal_p_value": float(p_value),
    }
