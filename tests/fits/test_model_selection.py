import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layercurv.errors import InputError
from layercurv.fits import profile_bic, winners_count

K = np.arange(1.0, 51.0)
LAWS = {
    "power_law": (lambda k: 3 * k**-1.5, [np.log(3), -1.5]),
    "exponential": (lambda k: 3 * np.exp(-0.2 * k), [np.log(3), -0.2]),
    "log_normal": (lambda k: 3 * k**-0.5 * np.exp(-0.4 * np.log(k) ** 2), [np.log(3), -0.5, -0.4]),
}


@pytest.mark.parametrize("law", LAWS)
def test_the_planted_law_wins_and_its_coefficients_are_recovered(law):
    rng = np.random.default_rng(0)
    profile, coefficients = LAWS[law]
    found = [profile_bic(profile(K) * np.exp(0.05 * rng.standard_normal(50))) for _ in range(40)]
    # BIC lets a false third parameter in about once in twenty draws.
    assert sum(fit["winner"] == law for fit in found) >= (34 if law == "power_law" else 40)
    assert np.mean([fit[law]["coefficients"] for fit in found], axis=0) == pytest.approx(coefficients, abs=0.03)
    assert min(fit[law]["r2"] for fit in found) > 0.99


@pytest.mark.parametrize("law", LAWS)
def test_an_exact_profile_does_not_crash_and_the_law_with_fewer_parameters_wins(law):
    profile, coefficients = LAWS[law]
    found = profile_bic(profile(K))
    assert found["winner"] == law
    assert found[law]["coefficients"] == pytest.approx(coefficients, rel=1e-9)
    assert found["lag1_autocorrelation"] is None
    if law == "power_law":  # the log-normal meets it as well, and pays ln n for its third parameter
        assert found["margin"] == pytest.approx(np.log(50))
    json.dumps(found, allow_nan=False)


def test_bic_is_the_gaussian_likelihood_up_to_what_the_three_laws_share():
    values = LAWS["power_law"][0](K) * np.exp(0.3 * np.random.default_rng(1).standard_normal(50))
    found = profile_bic(values)
    for law, p, x in (("power_law", 1, np.log(K)), ("exponential", 1, K), ("log_normal", 2, np.log(K))):
        residuals = np.log(values) - np.polyval(np.polyfit(x, np.log(values), p), x)
        variance = np.mean(residuals**2)
        log_likelihood = -0.5 * np.sum(np.log(2 * np.pi * variance) + residuals**2 / variance)
        shared = 50 * (1 + np.log(2 * np.pi))
        assert found[law]["bic"] == pytest.approx(-2 * log_likelihood + (p + 1) * np.log(50) - shared)
        assert found[law]["rss"] == pytest.approx(np.sum(residuals**2))
        assert found[law]["r2"] == pytest.approx(1 - variance / np.var(np.log(values)))
    others = sorted(found[law]["bic"] for law in LAWS)
    assert found["margin"] == pytest.approx(others[1] - others[0])
    assert found[found["winner"]]["bic"] == others[0]


def test_a_false_third_parameter_is_taken_as_rarely_as_bic_promises():
    """With white noise on a power law the log-normal wins if chi2_1 exceeds ln n: about 4.8 % of draws at n = 50."""
    rng = np.random.default_rng(2)
    wins = [profile_bic(LAWS["power_law"][0](K) * np.exp(0.1 * rng.standard_normal(50)))["winner"] for _ in range(400)]
    assert wins.count("exponential") == 0
    assert 5 <= wins.count("log_normal") <= 40  # 22 expected (F rather than chi2), standard deviation 4.6


def test_autocorrelation_is_the_planted_one_and_shows_a_sorted_spectrum():
    rng = np.random.default_rng(3)
    k, noise = np.arange(1.0, 4001.0), np.zeros(4000)
    for i in range(1, 4000):
        noise[i] = 0.7 * noise[i - 1] + 0.1 * rng.standard_normal()
    # One standard error of an autocorrelation is at most 1/sqrt(4000) = 0.016.
    assert profile_bic(k**-1.0 * np.exp(noise))["lag1_autocorrelation"] == pytest.approx(0.7, abs=0.06)
    white = profile_bic(k**-1.0 * np.exp(0.1 * rng.standard_normal(4000)))
    assert abs(white["lag1_autocorrelation"]) < 0.05
    ordered = np.sort(rng.lognormal(size=100))[::-1]
    assert profile_bic(ordered)["lag1_autocorrelation"] > 0.4


@pytest.mark.parametrize("value", [2.0, 0.1, 1e-7])
def test_a_constant_profile_is_a_tie_and_finite(value):
    found = profile_bic([value] * 11)  # the mean of eleven logarithms need not be the logarithm
    assert found["margin"] == pytest.approx(0) and found["power_law"]["r2"] == 1
    json.dumps(found, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1e-12, 1e12), min_size=4, max_size=60), st.floats(1e-6, 1e6))
def test_margins_do_not_depend_on_the_unit(values, unit):
    before, after = profile_bic(values), profile_bic(np.array(values) * unit)
    if min(before[law]["rss"] for law in LAWS) > 1e-12:  # above the floor
        assert after["margin"] == pytest.approx(before["margin"], abs=1e-6)
    json.dumps(before, allow_nan=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [([3, 2, 1], "at least 4 values"), ([4, 3, 0, 1], "got 0.0 at rank 3"), ([4, np.nan, 2, 1], "got nan at rank 2")],
)
def test_what_cannot_be_fitted_is_one_clear_error(values, message):
    with pytest.raises(InputError, match=message):
        profile_bic(values)


def test_winners_are_counted_and_only_clear_ones_as_clear():
    profiles = [
        {"winner": winner, "margin": margin}
        for winner, margin in [("log_normal", 20.0), ("log_normal", 1.0), ("exponential", 6.0), ("log_normal", 5.9)]
    ]
    found = winners_count(iter(profiles))
    assert found["winners"] == {"power_law": 0, "exponential": 1, "log_normal": 3}
    assert found["clear_winners"] == {"power_law": 0, "exponential": 1, "log_normal": 1}
    assert found["median_margin"] == pytest.approx(5.95) and found["n"] == 4
    assert winners_count([])["median_margin"] is None
