"""The exponent of a heavy tail beside a log-normal one. Needs the package `powerlaw`."""

import numpy as np

from layercurv.fits.tail_exponent import tail_exponent


def power_law_tail(values) -> dict:
    """Fit p(x) ~ x^-a for x >= x_min, and compare it with a log-normal tail.

    Args:
        values: Positive values (eigenvalues of W^T W), shape [n].

    Returns:
        What `tail_exponent` gives, and the log-likelihood ratio against a log-normal tail from the same x_min:
        `log_normal_ratio` (negative: the log-normal fits better) with its `log_normal_p_value` (Vuong's test).

    Raises:
        InputError: If there are too few positive values for a fit.

    Source: Clauset, Shalizi and Newman 2009, SIAM Review 51, 661; Alstott et al. 2014, PLoS ONE 9, e85777.
    """
    import powerlaw  # here: the light packages do without it

    tail = tail_exponent(values)
    x = np.asarray(values, dtype=np.float64)
    x = x[x >= tail["x_min"]]
    # Distribution by distribution: `powerlaw.Fit` bounds every exponent by three.
    power_law = powerlaw.Power_Law(data=x, xmin=x.min(), parameter_ranges={"alpha": [1, None]})
    log_normal = powerlaw.Lognormal(data=x, xmin=x.min())
    ratio, p_value = powerlaw.loglikelihood_ratio(
        power_law.loglikelihoods(x), log_normal.loglikelihoods(x), normalized_ratio=True
    )
    return tail | {"log_normal_ratio": float(ratio), "log_normal_p_value": float(p_value)}
