import itertools
import json

import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import random_alpha_null, residual_permutation_null, transfer_errors
from tests.compare import assert_close

ALL = np.ones(20, dtype=bool)


def noisy(noise=0.4, seed=0, n=20):
    rng = np.random.default_rng(seed)
    sigma = np.arange(1.0, n + 1) ** -0.8 * np.exp(noise * rng.standard_normal(n))
    return sigma, 3 * sigma**2 * np.exp(noise * rng.standard_normal(n))


def permuted_layer(sigma, h, order):
    """h with the residuals of its line on log sigma in another order."""
    line = np.polyval(np.polyfit(np.log(sigma), np.log(h), 1), np.log(sigma))
    return np.exp(line + (np.log(h) - line)[list(order)])


def test_the_null_is_that_of_all_permutations_fitted_one_by_one():
    sigma, h = noisy(n=9)
    keep = np.isin(np.arange(9), [0, 1, 4, 5, 8])  # with gaps in k
    layers = []
    for order in itertools.permutations(range(5)):
        layers.append(h.copy())
        layers[-1][keep] = permuted_layer(sigma[keep], h[keep], order)
    null = residual_permutation_null(sigma, h, keep, n_draws=20_000)
    for name in ("sorted", "unsorted"):
        errors = np.array([transfer_errors(sigma, layer, keep)[name] for layer in layers])
        observed = transfer_errors(sigma, h, keep)[name]
        found = null[name]
        assert found["observed"] == observed
        # 20,000 draws of 120 values: a share is known to 0.0035; quantiles lie between neighbouring values.
        share = np.mean(errors <= observed * (1 + 1e-9))
        assert found["fraction_at_most_observed"] == pytest.approx(share, abs=0.015)
        for key, q in (("median", 0.5), ("ci95_low", 0.025), ("ci95_high", 0.975)):
            below, above = np.mean(errors < found[key] * (1 - 1e-9)), np.mean(errors <= found[key] * (1 + 1e-9))
            assert below - 0.015 <= q <= above + 0.015, (name, key)
    json.dumps(null, allow_nan=False)


def test_without_a_relation_beyond_the_fits_the_observed_error_is_typical():
    fractions = [
        residual_permutation_null(*noisy(seed=seed), ALL, n_draws=200)["unsorted"]["fraction_at_most_observed"]
        for seed in range(100)
    ]
    # Uniform on [0, 1]: the mean of 100 has a standard deviation of 0.029.
    assert np.mean(fractions) == pytest.approx(0.5, abs=0.09)
    assert 5 <= np.sum(np.array(fractions) < 0.2) <= 36


def test_an_error_smaller_than_the_nulls_shows():
    """Residuals orthogonal to log k: the unsorted relation holds exactly, which no permutation repeats."""
    sigma, h = noisy()
    x, y = np.log(np.arange(1.0, 21.0)), np.log(sigma)
    basis = np.linalg.qr(np.column_stack([np.ones(20), x, y]))[0]
    e = np.random.default_rng(1).standard_normal(20)
    h = np.exp(2 * y + 0.5 * (e - basis @ (basis.T @ e)))
    null = residual_permutation_null(sigma, h, ALL)["unsorted"]
    assert null["observed"] < 1e-10 and null["fraction_at_most_observed"] == 0 and null["ci95_low"] > 1e-4


def test_an_exact_power_law_ties_with_all_its_permutations():
    null = residual_permutation_null(*noisy(noise=0.0), ALL, n_draws=50)
    assert null["sorted"]["fraction_at_most_observed"] == 1 and null["unsorted"]["median"] < 1e-12


def test_the_same_seed_gives_the_same_numbers():
    first, again, other = (residual_permutation_null(*noisy(), ALL, n_draws=50, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_directions_that_are_left_out_do_not_count():
    sigma, h = noisy()
    h[5], sigma[19] = -1.0, 1e-9
    keep = np.arange(20) < 19
    spoiled = h.copy()
    spoiled[19] = 1e9
    assert residual_permutation_null(sigma, h, keep) == residual_permutation_null(sigma, spoiled, keep)
    assert residual_permutation_null(sigma, h, keep)["sorted"]["observed"] == transfer_errors(sigma, h, keep)["sorted"]


def test_other_alphas_give_the_error_of_their_products():
    k = np.arange(1.0, 21.0)
    null = random_alpha_null(k**-0.8, k**-1.6, ALL, [1.0, 2.0, 2.5, 3.0])
    # s = 1.6, gamma = 0.8: |0.8 a - 1.6| / 1.6 = |a - 2| / 2
    for name in ("sorted", "unsorted"):
        found = [null[name][key] for key in ("observed", "median", "ci95_low", "ci95_high")]
        assert_close(found, [0, 0.375, 0.01875, 0.5], 1e-9, atol=1e-12)
        assert null[name]["fraction_at_most_observed"] == pytest.approx(0.25)
    assert null["n_alphas"] == 4


def test_sorted_and_unsorted_nulls_use_their_own_s():
    sigma, h = noisy()
    errors = transfer_errors(sigma, h, ALL)
    alpha = np.polyfit(np.log(sigma), np.log(h), 1)[0]
    null = random_alpha_null(sigma, h, ALL, [alpha])
    assert_close([null["sorted"]["median"], null["unsorted"]["median"]], [errors["sorted"], errors["unsorted"]], 1e-8)


def test_what_gives_no_null_is_one_clear_error():
    for alphas in ([], [2.0, np.nan], [[1.0]]):
        with pytest.raises(InputError, match="list of finite alphas"):
            random_alpha_null(*noisy(), ALL, alphas)
    with pytest.raises(InputError, match="at least 1 draw"):
        residual_permutation_null(*noisy(), ALL, n_draws=0)
    with pytest.raises(InputError, match="at least 3 points"):
        residual_permutation_null(*noisy(), np.arange(20) < 2)
