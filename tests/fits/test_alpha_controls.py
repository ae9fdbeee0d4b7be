import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import alpha_without_first, fit_power_law, robust_alpha


def planted(alpha=1.5, first=1.0):
    sigma = np.arange(1.0, 13.0) ** -0.8
    sigma[0] *= 5
    h = sigma**alpha
    h[0] *= first
    return sigma, h, np.zeros(12, dtype=bool)


def test_without_the_first_direction_a_point_that_stands_apart_does_not_matter():
    assert alpha_without_first(*planted(first=100.0))["slope"] == pytest.approx(1.5)
    sigma, h, _ = planted(first=100.0)
    assert fit_power_law(sigma, h).slope > 2


def test_the_robust_slope_is_hardly_moved_by_it():
    found = robust_alpha(*planted(first=100.0))
    assert found["slope"] == pytest.approx(1.5) and found["siegel_slope"] == pytest.approx(1.5)


def test_null_and_negative_directions_stay_out():
    sigma, h, null = planted()
    sigma[-1], null[-1], h[5] = 1e-12, True, -1.0
    assert alpha_without_first(sigma, h, null)["n"] == 9
    assert robust_alpha(sigma, h, null)["n"] == 10


def test_too_few_directions_are_one_clear_error():
    with pytest.raises(InputError, match="at least 3 points, got 2"):
        alpha_without_first([3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [False] * 3)
