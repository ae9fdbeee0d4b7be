import itertools

import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import fit_power_law, robust_slope

X = np.geomspace(1e-4, 1.0, 20)


def planted(noise=0.2, seed=0):
    return 3 * X**2 * np.exp(noise * np.random.default_rng(seed).standard_normal(20))


def test_slopes_are_the_medians_of_pairs_done_by_hand():
    y = planted()
    log_x, log_y = np.log(X), np.log(y)
    slope = {(i, j): (log_y[j] - log_y[i]) / (log_x[j] - log_x[i]) for i, j in itertools.permutations(range(20), 2)}
    found = robust_slope(X, y)
    assert found["slope"] == pytest.approx(np.median([value for (i, j), value in slope.items() if i < j]))
    per_point = [np.median([slope[i, j] for j in range(20) if j != i]) for i in range(20)]
    assert found["siegel_slope"] == pytest.approx(np.median(per_point))
    assert found["least_squares_slope"] == fit_power_law(X, y).slope
    assert found["n"] == 20


def test_one_huge_first_value_moves_least_squares_and_not_the_medians():
    """A first direction far from the others, as in language models: a fit to two clusters."""
    x, y = X.copy(), planted(noise=0.02)
    x[-1], y[-1] = 100.0, 3.0  # sigma_1 far above, h_1 not
    found = robust_slope(x, y)
    assert abs(found["least_squares_slope"] - 2) > 0.3
    assert found["slope"] == pytest.approx(2, abs=0.1) and found["siegel_slope"] == pytest.approx(2, abs=0.1)


def test_siegel_survives_a_share_of_bad_points_that_theil_sen_does_not():
    y = planted(noise=0.0)
    y[:8] = 1e3  # 40 %
    found = robust_slope(X, y)
    assert found["siegel_slope"] == pytest.approx(2, abs=1e-9)
    assert abs(found["slope"] - 2) > 0.5


def test_the_interval_covers_the_planted_slope_as_often_as_it_says():
    found = [robust_slope(X, planted(seed=seed)) for seed in range(200)]
    covered = sum(fit["ci95_low"] <= 2 <= fit["ci95_high"] for fit in found)
    assert 178 <= covered <= 199  # 190 expected, standard deviation 3.1


def test_three_points_are_enough_and_two_are_one_clear_error():
    assert robust_slope(X[:3], X[:3] ** 2)["slope"] == pytest.approx(2)
    with pytest.raises(InputError, match="at least 3 points, got 2"):
        robust_slope(X[:2], X[:2])
    with pytest.raises(InputError, match=r"y\[1\] = -1"):
        robust_slope([1, 2, 3], [1, -1, 3])
