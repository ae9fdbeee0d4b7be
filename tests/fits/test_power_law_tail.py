import numpy as np
import powerlaw
import pytest

from layercurv.errors import InputError
from layercurv.fits.power_law_tail import power_law_tail


@pytest.mark.parametrize("exponent", [2.0, 3.0])
def test_a_planted_exponent_is_found_within_three_standard_errors(exponent):
    x = (1 - np.random.default_rng(1).random(2000)) ** (-1 / (exponent - 1))  # p(x) ~ x^-a for x >= 1
    found = power_law_tail(x)
    assert abs(found["exponent"] - exponent) < 3 * found["standard_error"]
    assert found["n_tail"] == (x >= found["x_min"]).sum()


def test_the_scale_of_the_values_does_not_matter():
    x = np.random.default_rng(2).pareto(1.5, 300) + 1
    assert power_law_tail(1e-6 * x)["exponent"] == pytest.approx(power_law_tail(x)["exponent"], rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_log_normal_sample_is_nearer_to_a_log_normal_tail(seed):
    assert power_law_tail(np.exp(np.random.default_rng(seed).standard_normal(3000)))["log_normal_ratio"] < 0


def test_too_few_positive_values_are_refused():
    with pytest.raises(InputError, match="at least 10 positive values that differ, got 9"):
        power_law_tail([0.0] * 20 + [1.0] * 9)


@pytest.mark.parametrize("exponent", [3.5, 6.0])
def test_steep_tails_are_not_bounded(exponent):
    x = np.random.default_rng(1).pareto(exponent - 1, 1500) + 1
    assert power_law_tail(x)["exponent"] == pytest.approx(exponent, rel=0.15)


def test_the_package_finds_the_same_tail_from_that_start():
    x = np.random.default_rng(2).pareto(3.0, 300) + 1
    found = power_law_tail(x)
    tail = x[x >= found["x_min"]]
    by_package = powerlaw.Power_Law(data=tail, xmin=tail.min(), parameter_ranges={"alpha": [1, None]})
    assert found["exponent"] == pytest.approx(by_package.alpha, rel=1e-9)
    assert found["ks_distance"] == pytest.approx(by_package.D, rel=0.05)
    assert found["n_tail"] == tail.size
