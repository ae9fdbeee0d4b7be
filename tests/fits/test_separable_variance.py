import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from layercurv.errors import InputError
from layercurv.fits import count_above, predicted_singular_values, sampled_singular_values
from tests.compare import assert_close


def power(n, exponent):
    return np.arange(1.0, n + 1) ** -exponent


FACTORS = {
    "identity": (np.ones(48), np.ones(120)),
    "square": (np.ones(64), np.ones(64)),
    "spread": (np.linspace(0.5, 2, 48), np.linspace(0.1, 3, 96)),
    "spiked": (np.r_[20.0, np.ones(47)], np.ones(120)),
    "spiked_twice": (np.r_[50.0, np.ones(47)], np.r_[50.0, np.ones(119)]),
    "power_0.5": (power(48, 0.5), power(120, 0.5)),
    "power_1": (power(48, 1), power(120, 1)),
    "power_2": (power(48, 2), power(120, 2)),
}


def marchenko_pastur_above(x, m, n):
    """Eigenvalues of Z Z^T above x, from the density sqrt((b - t)(t - a)) / (2 pi t)."""
    a, b = (n**0.5 - m**0.5) ** 2, (n**0.5 + m**0.5) ** 2
    if x >= b:
        return 0.0
    return quad(lambda t: np.sqrt(max((b - t) * (t - a), 0)) / (2 * np.pi * t), max(x, a), b, limit=200)[0]


@pytest.mark.parametrize(("m", "n"), [(40, 160), (50, 60), (160, 40)])
def test_identity_factors_give_marchenko_pastur(m, n):
    b = (n**0.5 + m**0.5) ** 2
    x = b * np.array([1.1, 0.98, 0.9, 0.7, 0.5, 0.3])
    expected = [marchenko_pastur_above(value, m, n) for value in x]
    # Im z / Re z = 1e-5 blurs the count by about that share of each neighbour.
    assert_close(count_above(x, np.ones(m), np.ones(n)), expected, 1e-4, atol=2e-3)


def test_quantiles_are_where_the_count_is_a_half_past_a_whole():
    sigma = np.array(predicted_singular_values(np.ones(40), np.ones(160), 10, 8))
    counts = [marchenko_pastur_above(10 * value**2, 40, 160) for value in sigma]
    assert_close(counts, np.arange(8) + 0.5, 1e-3, atol=0.02)


@pytest.mark.parametrize("name", FACTORS)
def test_the_law_places_the_typical_singular_values_of_random_matrices(name):
    d, a = FACTORS[name]
    rng = np.random.default_rng(0)
    draws = np.array(
        [
            np.linalg.svd(np.sqrt(d)[:, None] * rng.standard_normal((d.size, a.size)) * np.sqrt(a), compute_uv=False)
            for _ in range(200)
        ]
    )[:, :30]
    found = np.array(predicted_singular_values(d, a, 50, 30)) * 50**0.5
    # A median of 200 draws is known to 1.25 standard deviations over sqrt(200), here taken three times.
    doubt = 3 * 1.25 * np.log(draws).std(0) / 200**0.5
    error = np.abs(np.log(found / np.median(draws, axis=0)))
    bulk = 0.005 if name != "power_2" else 0.02
    edge = {"power_2": 0.05, "spiked_twice": 0.04, "power_1": 0.03}.get(name, 0.01)
    assert (error[5:] < bulk + doubt[5:]).all(), error
    assert (error[:5] < edge + doubt[:5]).all(), error


def test_where_one_pair_of_eigenvalues_carries_all_the_law_is_20_percent_too_high():
    """sigma_1 is then |z| of one Gaussian number z; median 0.674, and the quarter circle of the law has 0.808."""
    d = np.r_[1.0, np.full(9, 1e-8)]
    found = predicted_singular_values(d, d, 1, 1)[0]
    assert found == pytest.approx(0.808, abs=0.005) and found / 0.6745 > 1.15
    sampled = sampled_singular_values(d, d, 1, 1, n_draws=4000)
    # E log|z| = -(Euler's gamma + log 2) / 2, standard deviation pi / sqrt(8)
    assert sampled["mean_log"][0] == pytest.approx(-(np.euler_gamma + np.log(2)) / 2, abs=4 * 1.11 / 4000**0.5)
    assert sampled["std_log"][0] == pytest.approx(np.pi / 8**0.5, rel=0.06)


@pytest.mark.parametrize("name", ["spread", "power_1"])
def test_law_and_draws_agree_within_the_error_of_the_draws(name):
    d, a = FACTORS[name]
    sampled = sampled_singular_values(d, a, 50, 20, n_draws=50)
    error = np.log(np.array(predicted_singular_values(d, a, 50, 20)) / sampled["values"])
    assert (np.abs(error) < 0.02 + 4 * np.array(sampled["std_log"]) / 50**0.5).all()
    assert np.log(sampled["values"]) == pytest.approx(sampled["mean_log"])
    json.dumps(sampled, allow_nan=False)


@pytest.mark.parametrize("predict", [predicted_singular_values, lambda *x: sampled_singular_values(*x)["values"]])
def test_scale_and_samples_are_factors_and_zeros_do_not_count(predict):
    d, a = FACTORS["spread"]
    base = np.array(predict(d, a, 1, 10))
    assert_close(predict(1e-12 * d, 1e-9 * a, 400, 10), base * (1e-21 / 400) ** 0.5, 1e-9)
    assert_close(predict(np.r_[d, 0, 1e-18, -1e-12], a, 1, 10), base, 1e-9)


def test_the_law_does_not_ask_which_factor_is_which():
    d, a = FACTORS["power_1"]
    assert_close(predicted_singular_values(d, a, 1, 40), predicted_singular_values(a, d, 1, 40), 1e-3)


def test_all_positive_singular_values_can_be_asked_for():
    found = predicted_singular_values(power(12, 2), power(30, 2), 1, 12)
    assert len(found) == 12 and found == sorted(found, reverse=True) and found[-1] > 0


spectrum = st.one_of(
    st.builds(power, st.integers(1, 30), st.floats(0, 4)),
    st.builds(lambda n, rate: np.exp(-rate * np.arange(n)), st.integers(1, 30), st.floats(0, 1)),
    st.lists(st.sampled_from([1e-4, 1.0, 100.0]), min_size=1, max_size=30).map(np.array),
    st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=30).map(np.array),
)


@settings(max_examples=25, deadline=None)
@given(spectrum, spectrum)
def test_the_root_is_found_for_any_spectrum_and_the_count_is_that_of_the_mean(d, a):
    count = min(d.size, a.size, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = np.array(predicted_singular_values(d, a, 1, count))
    assert (np.diff(found) <= 0).all() and found[-1] > 0
    # sum sigma^2 has the exact mean sum d * sum a; the integral of the count is the law's.
    x = np.geomspace(1.02, 1e-7, 300) * d.max() * a.max() * (d.size**0.5 + a.size**0.5) ** 2
    counts = count_above(x / (d.max() * a.max()), d / d.max(), a / a.max())
    assert -np.trapezoid(counts, x) == pytest.approx(d.sum() * a.sum(), rel=0.02)


def test_gaps_of_four_decades_do_not_lose_the_root():
    """Found by search: in the lowest gap plain Newton crosses the real axis to a false root."""
    d, a = np.repeat([1.0, 1e-2, 1e-6], [2, 2, 6]), np.repeat([1.0, 1e-2, 1e-6], [4, 9, 9])
    top = (10**0.5 + 22**0.5) ** 2
    counts = count_above(top * np.geomspace(1, 1e-10, 1281), d, a)
    assert counts[-1] == pytest.approx(10, abs=0.1) and counts[640] == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eigenvalues_d": []}, "finite eigenvalues of C_d"),
        ({"eigenvalues_A": [1.0, np.nan]}, "finite eigenvalues of C_A"),
        ({"eigenvalues_A": [0.0, 0.0]}, "one positive"),
        ({"eigenvalues_d": [1.0, -0.1]}, "of C_d >= 0, got -0.1"),
        ({"n_samples": 0}, "positive number of samples, got 0"),
        ({"count": 4}, "count from 1 to 3"),
        ({"count": 0}, "count from 1 to 3"),
        ({"eigenvalues_d": [1.0, 1.0, 0.0], "count": 3}, "count from 1 to 2"),
    ],
)
@pytest.mark.parametrize("predict", [predicted_singular_values, sampled_singular_values])
def test_what_cannot_be_predicted_is_one_clear_error(predict, change, message):
    options = {"eigenvalues_d": [3.0, 2.0, 1.0], "eigenvalues_A": [1.0] * 5, "n_samples": 8, "count": 2} | change
    with pytest.raises(InputError, match=message):
        predict(**options)


def test_one_draw_has_no_spread():
    with pytest.raises(InputError, match="at least 2 draws, got 1"):
        sampled_singular_values(np.ones(3), np.ones(3), 1, 1, n_draws=1)
