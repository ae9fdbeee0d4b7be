import numpy as np
import pytest
from scipy import stats

from layercurv.fits import mean_interval
from tests.compare import assert_close


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.9, 2.3, 2.2], [0.4, -1.0, 3.0, 2.5, 0.1]])
def test_interval_of_a_mean_is_student_s(values):
    assert_close(
        mean_interval(values), stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values)), 1e-12
    )


def test_one_value_has_no_interval():
    assert mean_interval([2.0]) is None


def test_interval_of_a_mean_holds_it_as_often_as_it_says():
    draws = np.random.default_rng(0).standard_normal((4000, 3)) + 5
    held = np.mean([low <= 5 <= high for low, high in map(mean_interval, draws)])
    assert abs(held - 0.95) < 3 * (0.95 * 0.05 / 4000) ** 0.5  # three standard errors
