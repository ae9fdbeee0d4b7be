import numpy as np
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


def test_a_log_normal_sample_is_told_from_a_power_law():
    found = power_law_tail(np.exp(np.random.default_rng(3).standard_normal(3000)))
    assert found["log_normal_ratio"] < 0 and found["log_normal_p_value"] < 0.05


def test_too_few_positive_values_are_refused():
    with pytest.raises(InputError, match="at least 10 positive values, got 9"):
        power_law_tail([0.0] * 20 + [1.0] * 9)
