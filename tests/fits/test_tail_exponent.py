import numpy as np
import pytest
from scipy import stats

from layercurv.errors import InputError
from layercurv.fits import gaussian_spectra, gaussian_tail_exponents, tail_exponent


@pytest.mark.parametrize("exponent", [2.0, 3.5, 8.0])
def test_a_planted_exponent_is_found_within_three_standard_errors_also_beyond_three(exponent):
    x = (1 - np.random.default_rng(1).random(1000)) ** (-1 / (exponent - 1))  # p(x) ~ x^-a for x >= 1
    found = tail_exponent(x)
    assert abs(found["exponent"] - exponent) < 3 * found["standard_error"]
    assert found["n_tail"] == (x >= found["x_min"] * (1 - 1e-12)).sum()


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_the_powerlaw_package_finds_when_its_bound_is_lifted(seed):
    powerlaw = pytest.importorskip("powerlaw")
    rng = np.random.default_rng(seed)
    x = np.linalg.svd(rng.standard_normal((20, 40)), compute_uv=False) ** 2 if seed % 2 else rng.pareto(1.2, 60) + 0.3
    reference = powerlaw.Fit(x, parameter_ranges={"alpha": [0, None]}, verbose=False)
    found = tail_exponent(x)
    assert found["exponent"] == pytest.approx(reference.power_law.alpha, rel=1e-9)
    assert found["ks_distance"] == pytest.approx(reference.power_law.D, rel=1e-9)
    assert found["standard_error"] == pytest.approx(reference.power_law.sigma, rel=1e-9)
    assert found["x_min"] == pytest.approx(reference.power_law.xmin, rel=1e-9)


def test_scale_order_and_values_that_are_not_positive_do_not_matter():
    x = np.random.default_rng(2).pareto(1.5, 100) + 1
    assert tail_exponent([0.0, *(1e-6 * x[::-1])])["exponent"] == pytest.approx(tail_exponent(x)["exponent"], rel=1e-9)


@pytest.mark.parametrize("values", [[0.0] * 20 + list(range(1, 10)), [2.0] * 30])
def test_too_few_or_equal_values_are_refused(values):
    with pytest.raises(InputError, match="at least 10 positive values that differ"):
        tail_exponent(values)


def test_gaussian_matrices_have_no_heavy_tail_and_the_draws_are_fixed():
    found = gaussian_tail_exponents(32, 256)
    assert found == gaussian_tail_exponents(256, 32)
    assert len(found) == 19 and np.median(found) > 4


@pytest.mark.parametrize(("m", "n"), [(1, 3), (4, 4), (5, 12), (12, 5)])
def test_spectra_of_gaussian_matrices_have_the_moments_of_wishart_matrices(m, n):
    spectra = np.array(gaussian_spectra(m, n, n_draws=20_000, seed=3))
    assert spectra.shape == (20_000, min(m, n)) and (np.diff(spectra) <= 0).all()
    for power, expected in ((1, m * n), (2, m * n * (m + n + 1)), (3, m * n * (m**2 + n**2 + 3 * (m * n + m + n) + 4))):
        traces = (spectra**power).sum(axis=1)
        assert abs(traces.mean() - expected) < 4 * traces.std() / 20_000**0.5


@pytest.mark.parametrize("place", [0, 7, 15])
def test_each_eigenvalue_is_distributed_as_that_of_matrices_drawn_entry_by_entry(place):
    W = np.random.default_rng(4).standard_normal((4000, 16, 40))
    drawn = np.linalg.svd(W, compute_uv=False)[:, place] ** 2
    found = np.array(gaussian_spectra(16, 40, n_draws=4000, seed=5))[:, place]
    assert stats.ks_2samp(found, drawn).pvalue > 0.01
