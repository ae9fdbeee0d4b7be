import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from layercurv.errors import InputError
from layercurv.fits import fit_spectral_exponents, held_out_error, transfer_bound, transfer_errors

ALL = np.ones(20, dtype=bool)


def planted(alpha=2.0, gamma=0.8, noise=0.0, seed=0):
    """sigma = k^-gamma e^noise and h = 3 sigma^alpha e^noise."""
    rng = np.random.default_rng(seed)
    sigma = np.arange(1.0, 21.0) ** -gamma * np.exp(noise * rng.standard_normal(20))
    return sigma, 3 * sigma**alpha * np.exp(noise * rng.standard_normal(20))


def test_planted_laws_have_no_error_and_the_bound_says_so():
    found = transfer_errors(*planted(), ALL)
    assert found["sorted"] < 1e-12 and found["unsorted"] < 1e-12
    assert found["bound"] < 1e-7  # rounding of R2 under a square root
    json.dumps(found, allow_nan=False)


values = st.lists(st.tuples(st.floats(-12, 12), st.floats(-12, 12)), min_size=3, max_size=25)


@settings(max_examples=200, deadline=None)
@given(values)
def test_the_unsorted_error_never_exceeds_the_bound(rows):
    """Any numbers at all: no law, no order, no network."""
    sigma, h = np.exp(np.array(rows)).T
    assume(np.ptp(np.log(sigma)) > 1e-3 and np.ptp(np.log(h)) > 1e-3)
    found = transfer_errors(sigma, h, np.ones(len(rows), dtype=bool))
    assume(found["r2_s_unsorted"] > 1e-8)
    # R2 is rounded by some 1e-15 of 1; under the square root of the bound that is up to 1e-7.
    assert found["unsorted"] <= found["bound"] * (1 + 1e-6) + 2e-7 / np.sqrt(found["r2_s_unsorted"])


def test_the_bound_is_met_where_the_residuals_are_parallel():
    """log h = log sigma + 0.3 f, f the part of log k that log sigma leaves: Cauchy-Schwarz with equality."""
    x = np.log(np.arange(1.0, 21.0))
    y = -x + 0.5 * np.random.default_rng(0).standard_normal(20)
    f = x - x.mean() - (y - y.mean()) * np.dot(x, y - y.mean()) / np.dot(y - y.mean(), y - y.mean())
    found = transfer_errors(np.exp(y), np.exp(y + 0.3 * f), ALL)
    assert found["unsorted"] == pytest.approx(found["bound"], rel=1e-9) and found["bound"] > 0.01


def test_the_sorted_error_can_exceed_the_bound():
    """sigma an exact power law: the unsorted relation is an identity, and sorting noisy curvature breaks it."""
    h = planted()[1] * np.exp(np.random.default_rng(1).standard_normal(20))
    found = transfer_errors(planted()[0], h, ALL)
    assert found["unsorted"] < 1e-12 and found["bound"] < 1e-7 < 0.05 < found["sorted"]


def test_errors_are_those_of_the_three_fits():
    sigma, h = planted(noise=0.4)
    h[3] = -1.0
    found, fits = transfer_errors(sigma, h, ALL), fit_spectral_exponents(sigma, h, ~ALL)
    product = fits["alpha"]["slope"] * fits["gamma"]["slope"]
    assert found["sorted"] == pytest.approx(abs(product / fits["s"]["slope"] - 1))
    assert found["unsorted"] == pytest.approx(abs(product / fits["s_unsorted"]["slope"] - 1))
    assert found["sorted"] != pytest.approx(found["unsorted"], rel=1e-3)
    r2 = [fits[name]["r2"] for name in ("gamma", "alpha", "s", "s_unsorted")]
    assert [found[f"r2_{name}"] for name in ("gamma", "alpha", "s_sorted", "s_unsorted")] == r2
    assert found["bound"] == pytest.approx(((1 - r2[0]) * (1 - r2[1]) / r2[3]) ** 0.5)
    assert found["n"] == 19


def test_bound_without_a_slope_of_h_is_none():
    assert transfer_bound(0.5, 0.5, 0.0) is None
    assert transfer_bound(1.0 + 1e-12, 0.5, 0.5) == 0


@pytest.mark.parametrize("r2", [(1.1, 0.5, 0.5), (0.5, -0.1, 0.5), (0.5, 0.5, np.nan)])
def test_what_is_no_r2_is_refused(r2):
    with pytest.raises(InputError, match="three R2 between 0 and 1"):
        transfer_bound(*r2)


def test_held_out_halves_of_one_law_agree():
    sigma, h = planted()
    found = held_out_error(sigma, h, ALL, 7 * h, ALL)
    assert found["sorted"] < 1e-12 and found["unsorted"] < 1e-12
    assert (found["alpha"], found["gamma"], found["s_sorted"]) == pytest.approx((2.0, 0.8, 1.6))


def test_held_out_curvatures_are_sorted_for_s_and_kept_in_order_for_s_unsorted():
    sigma, h = planted()
    found = held_out_error(sigma, h, ALL, h[::-1], ALL)
    assert found["s_sorted"] == pytest.approx(1.6) and found["s_unsorted"] < 0


def test_held_out_error_can_fail_where_the_error_within_one_half_cannot():
    sigma, h = planted()
    steeper = planted(alpha=3.0)[1]
    assert transfer_errors(sigma, h, ALL)["sorted"] < 1e-12
    assert held_out_error(sigma, h, ALL, steeper, ALL)["sorted"] == pytest.approx(abs(1.6 - 2.4) / 2.4)


def test_held_out_halves_keep_their_own_directions():
    sigma, h = planted()
    keep_a, keep_b = ALL.copy(), ALL.copy()
    keep_a[:3], keep_b[10:] = False, False
    h_b = h.copy()
    h_b[4] = -1.0
    sigma_a, h_a = sigma.copy(), h.copy()
    sigma_a[:3], h_a[:3] = 5.0, 1e-9
    found = held_out_error(sigma_a, h_a, keep_a, h_b, keep_b)
    assert (found["n_a"], found["n_b"]) == (17, 9)
    assert found["unsorted"] < 1e-12 < 1e-3 < found["sorted"]  # sorting closes the gap at k = 5


@pytest.mark.parametrize("measure", [transfer_errors, lambda s, h, k: held_out_error(*planted(), ALL, h, k)])
def test_too_few_or_flat_directions_are_one_clear_error(measure):
    sigma, h = planted()
    with pytest.raises(InputError, match="at least 3 points, got 2"):
        measure(sigma, h, np.arange(20) < 2)
    with pytest.raises(InputError, match="expected curvatures that differ, got 20 equal ones"):
        measure(sigma, np.full(20, 2.0), ALL)
    with pytest.raises(InputError, match="one length"):
        measure(sigma, h[:-1], ALL)
