import numpy as np
import pytest

from layercurv.fits import null_exponents, selection_terms, unselected_exponent

RNG = np.random.default_rng(0)


def test_terms_of_planted_powers():
    # h = M^1.1 and c = sigma^-0.4, so M = B sigma^2.4 and alpha = 2.64 = 2 + 0.24 + 0.4.
    sigma = np.geomspace(1, 0.1, 12)
    M = 100 * sigma**2.4
    found = selection_terms(sigma, M**1.1, M, np.zeros(12, bool), n_samples=100)
    assert found == pytest.approx({"alpha": 2.64, "information": 0.24, "selection": -0.4, "n": 12}, abs=1e-12)


def test_the_identity_holds_whatever_the_lists():
    for _ in range(20):
        sigma, h, M = np.sort(RNG.lognormal(size=9))[::-1], RNG.lognormal(size=9), RNG.lognormal(size=9)
        found = selection_terms(sigma, h, M, np.arange(9) == 8, n_samples=7)
        assert found["n"] == 8
        assert found["alpha"] == pytest.approx(2 + found["information"] - found["selection"], abs=1e-12)


def test_unselected_exponent_of_proportional_lists_is_two():
    M = RNG.lognormal(size=8)
    assert unselected_exponent(3 * M, M, np.zeros(8, bool))["slope"] == pytest.approx(2, abs=1e-12)


def test_mean_spectra_leave_out_what_is_null_in_any_draw():
    sigma = RNG.lognormal(size=(3, 6))
    is_null = np.zeros((3, 6), bool)
    is_null[1, 4] = True
    found = null_exponents(sigma, sigma**2.5, sigma**2, is_null, n_samples=4)
    assert found["alphas"] == pytest.approx([2.5] * 3)
    assert found["k"] == [1, 2, 3, 4, 6]
    assert found["mean_log_selection"] == pytest.approx([np.log(4)] * 5)
