import numpy as np
import pytest

from layercurv.fits import concentration_slack, log_correlation, log_mismatch, shape_mismatch


def test_slack_is_the_distance_of_the_median_of_used_directions_from_one():
    assert concentration_slack([0.5, 0.7, 0.9, 40.0], [False, False, False, True]) == pytest.approx(0.3)
    assert concentration_slack([1.4, 1.2], [False, False]) == pytest.approx(0.3)


def test_a_factor_is_a_miss_of_scale_and_not_of_shape():
    sigma = np.array([4.0, 2.0, 1.0, 0.5])
    assert log_mismatch(sigma, np.log(sigma[:3] / 3)) == pytest.approx(np.log(3))
    assert shape_mismatch(sigma, np.log(sigma[:3] / 3)) == pytest.approx(0, abs=1e-12)
    ratios = [0.3, -0.1, 0.1]
    predicted = np.log(sigma[:3]) - ratios
    assert log_mismatch(sigma, predicted) == pytest.approx((0.11 / 3) ** 0.5)
    assert shape_mismatch(sigma, predicted) == pytest.approx(np.std(ratios))


def test_the_correlation_is_pearsons_of_the_logarithms_over_what_is_predicted():
    rng = np.random.default_rng(5)
    sigma, predicted = np.sort(rng.lognormal(size=30))[::-1].tolist(), (-np.arange(20.0)).tolist()
    assert log_correlation(sigma, predicted) == pytest.approx(np.corrcoef(np.log(sigma[:20]), predicted)[0, 1])
