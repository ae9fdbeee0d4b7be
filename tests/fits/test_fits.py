import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from layercurv.errors import InputError
from layercurv.fits import alignment_terms, decomposition_slopes, fit_power_law, fit_spectral_exponents
from tests.compare import assert_close

NONE_NULL = [False] * 20


def planted(alpha: float, gamma: float, noise: float = 0.0, seed: int = 0):
    """sigma = k^-gamma and h = 3 sigma^alpha, with log-normal noise."""
    rng = np.random.default_rng(seed)
    sigma = np.arange(1.0, 21.0) ** -gamma
    return sigma, 3 * sigma**alpha * np.exp(noise * rng.standard_normal(20))


@pytest.mark.parametrize("alpha", [0.7, 1.0, 2.0, 4.5])
def test_planted_exponents_are_recovered_exactly(alpha):
    fits = fit_spectral_exponents(*planted(alpha, 0.8), NONE_NULL)
    found = [fits[name]["slope"] for name in ("alpha", "gamma", "s", "s_unsorted")]
    assert_close(found, [alpha, 0.8, alpha * 0.8, alpha * 0.8], 1e-12)
    assert fits["transfer_relative_error"] < 1e-12
    assert fits["alpha"]["r2"] == pytest.approx(1)


def test_fit_agrees_with_scipy():
    sigma, h = planted(2.0, 0.9, noise=0.4)
    fit, reference = fit_power_law(sigma, h), scipy.stats.linregress(np.log(sigma), np.log(h))
    assert_close(
        [fit.slope, fit.intercept, fit.r2, fit.standard_error],
        [reference.slope, reference.intercept, reference.rvalue**2, reference.stderr],
        1e-10,
    )
    half_width = scipy.stats.t.ppf(0.975, 18) * reference.stderr
    assert_close([fit.ci95_low, fit.ci95_high], reference.slope + half_width * np.array([-1, 1]), 1e-10)


def test_interval_covers_the_truth_in_95_percent_of_draws():
    hits = 0
    for seed in range(400):
        fit = fit_spectral_exponents(*planted(2.0, 0.9, noise=0.3, seed=seed), NONE_NULL)["alpha"]
        hits += fit["ci95_low"] <= 2.0 <= fit["ci95_high"]
    assert abs(hits / 400 - 0.95) < 3 * (0.95 * 0.05 / 400) ** 0.5  # three standard errors


def test_null_and_negative_directions_are_dropped_from_all_three_fits():
    sigma, h = planted(2.0, 0.8)
    is_null = list(NONE_NULL)
    sigma[19], h[19], is_null[19] = 1e-9, 1e-17, True  # the null direction of a softmax head
    h[4] = -1.0
    fits = fit_spectral_exponents(sigma, h, is_null)
    assert (fits["n_valid"], fits["n_null"], fits["n_negative"]) == (18, 1, 1)
    assert {fits[name]["n"] for name in ("alpha", "gamma", "s", "s_unsorted")} == {18}
    assert_close([fits["alpha"]["slope"], fits["gamma"]["slope"]], [2.0, 0.8], 1e-12)


def test_s_ranks_sorted_values_and_s_unsorted_keeps_their_order():
    sigma, h = planted(2.0, 0.8)
    swapped = h.copy()
    swapped[[2, 9]] = swapped[[9, 2]]
    before, after = (fit_spectral_exponents(sigma, values, NONE_NULL) for values in (h, swapped))
    assert after["s"]["slope"] == pytest.approx(before["s"]["slope"])
    assert after["s_unsorted"]["slope"] != pytest.approx(before["s_unsorted"]["slope"], rel=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_failed_is_not_dropped_in_silence(bad):
    sigma, h = planted(2.0, 0.8)
    h[3] = bad
    with pytest.raises(InputError, match="curvature 4 not finite"):
        fit_spectral_exponents(sigma, h, NONE_NULL)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1, 2], "at least 3 points, got 2"),
        ([1, 2, 3], [1, -2, 3], r"y\[1\] = -2"),
        ([1, 2, 3], [1, np.nan, 3], r"y\[1\] = nan"),
        ([0, 2, 3], [1, 2, 3], r"x\[0\] = 0"),
        ([2, 2, 2], [1, 2, 3], "two different x values"),
        ([1, 2, 3], [1, 2], "one length"),
    ],
)
def test_what_cannot_be_fitted_is_one_clear_error(x, y, message):
    with pytest.raises(InputError, match=message):
        fit_power_law(x, y)


positive = st.floats(1e-6, 1e6)
spectra = st.lists(st.tuples(*[positive] * 6), min_size=3, max_size=20)


@settings(max_examples=200, deadline=None)
@given(spectra, st.integers(1, 4096))
def test_the_five_slopes_sum_to_alpha(rows, n_positions):
    sigma, h, lambda_d, ray_d, lambda_a, ray_a = (np.array(column) for column in zip(*rows, strict=True))
    if np.ptp(np.log(sigma)) < 1e-3:
        return
    terms = alignment_terms(
        h, {"eigenvalues": lambda_d, "rayleigh": ray_d}, {"eigenvalues": lambda_a, "rayleigh": ray_a}, n_positions
    )
    assert_close(np.prod(list(terms.values()), axis=0) * n_positions, h, 1e-10, what="product of the terms")
    slopes = decomposition_slopes(sigma, terms, np.ones(len(rows), dtype=bool))
    alpha = fit_power_law(sigma, h).slope
    # Rounding grows with the size of the single slopes.
    assert abs(sum(slopes.values()) - alpha) <= 1e-9 * (1 + sum(map(abs, slopes.values())))
