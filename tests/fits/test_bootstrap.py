import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import bootstrap_alpha

K = np.arange(1.0, 9.0)
ALL = np.ones(8, dtype=bool)


def samples(rng, n=400, noise=0.5, alpha=2.0):
    """Per-sample values whose means are sigma = 1/k and h = sigma^alpha."""
    sigma = 1 / K
    return sigma * (1 + noise * rng.standard_normal((n, 8))), sigma**alpha * (1 + noise * rng.standard_normal((n, 8)))


def alpha_of(slopes, curvatures):
    return np.polyfit(np.log(slopes.mean(0)), np.log(curvatures.mean(0)), 1)[0]


def test_without_scatter_the_interval_is_a_point():
    slopes, curvatures = samples(np.random.default_rng(0), noise=0.0)
    found = bootstrap_alpha(slopes, curvatures, ALL)
    assert found["ci95_low"] == pytest.approx(2, abs=1e-12) and found["ci95_high"] == pytest.approx(2, abs=1e-12)


def test_the_standard_error_is_the_scatter_of_fits_to_new_samples():
    rng = np.random.default_rng(1)
    fits = [alpha_of(*samples(rng)) for _ in range(400)]
    errors = [bootstrap_alpha(*samples(rng), ALL)["standard_error"] for _ in range(10)]
    # The standard deviation of 400 fits is known to 1/sqrt(800) = 3.5 %, each bootstrap's to about as much.
    assert np.mean(errors) == pytest.approx(np.std(fits, ddof=1), rel=0.12)


def test_the_interval_covers_the_planted_exponent_as_often_as_it_says():
    rng = np.random.default_rng(2)
    found = [bootstrap_alpha(*samples(rng), ALL, seed=i) for i in range(200)]
    covered = sum(f["ci95_low"] <= 2 <= f["ci95_high"] for f in found)
    assert 178 <= covered <= 199  # 190 expected, standard deviation 3.1


def test_points_that_move_together_widen_the_interval_and_least_squares_would_not_know():
    rng = np.random.default_rng(3)
    slopes, curvatures = samples(rng, noise=0.0)
    tilt = rng.standard_normal((400, 1)) * np.log(K)  # every sample tilts the whole spectrum
    found = bootstrap_alpha(slopes, curvatures * (1 + 0.2 * tilt), ALL)
    assert found["standard_error"] > 0.005
    assert bootstrap_alpha(slopes, curvatures, ALL)["standard_error"] < 1e-12


def test_directions_that_are_left_out_do_not_count():
    slopes, curvatures = samples(np.random.default_rng(4))
    keep = ALL.copy()
    keep[-1] = False
    curvatures[:, -1] = -1.0
    assert bootstrap_alpha(slopes, curvatures, keep) == bootstrap_alpha(slopes[:, :-1], curvatures[:, :-1], ALL[:-1])


def test_the_same_seed_gives_the_same_numbers():
    slopes, curvatures = samples(np.random.default_rng(5))
    assert bootstrap_alpha(slopes, curvatures, ALL, seed=1) == bootstrap_alpha(slopes, curvatures, ALL, seed=1)
    assert bootstrap_alpha(slopes, curvatures, ALL, seed=1) != bootstrap_alpha(slopes, curvatures, ALL, seed=2)


@pytest.mark.parametrize(("n", "kept"), [(1, 8), (5, 2)])
def test_too_little_to_resample_is_one_clear_error(n, kept):
    slopes, curvatures = samples(np.random.default_rng(6), n=n)
    with pytest.raises(InputError, match="at least 2 samples by 3 directions"):
        bootstrap_alpha(slopes, curvatures, np.arange(8) < kept)
