import itertools
import json
from math import comb

import numpy as np
import pytest
import scipy.stats

from layercurv.errors import InputError
from layercurv.fits import correlation, correlation_against_chance, label_agreement, without_trend


def test_share_and_expectation_by_hand():
    found = label_agreement(["p", "l", "l", "e"], ["p", "l", "p", "l"])
    assert found["share"] == pytest.approx(0.5)
    assert found["expected_share"] == pytest.approx((1 * 2 + 2 * 2 + 1 * 0) / 16)


def test_expectation_and_p_value_are_those_of_all_permutations():
    a, b = list("ppllle"), list("pplele")
    shares = [np.mean([x == y for x, y in zip(a, order, strict=True)]) for order in itertools.permutations(b)]
    found = label_agreement(a, b, n_draws=20_000)
    assert found["expected_share"] == pytest.approx(np.mean(shares))
    p = np.mean(np.array(shares) >= found["share"] - 1e-12)
    assert found["p_value"] == pytest.approx(p, abs=4 * (p * (1 - p) / 20_000) ** 0.5)


def test_two_labels_agree_with_fishers_exact_test():
    a, b = [0] * 8 + [1] * 7, [0] * 6 + [1] * 2 + [0] * 2 + [1] * 5
    # matches grow with the count of (0, 0), hypergeometric
    p = sum(comb(8, k) * comb(7, 8 - k) for k in range(6, 9)) / comb(15, 8)
    assert label_agreement(a, b)["p_value"] == pytest.approx(p, abs=4 * (p * (1 - p) / 10_000) ** 0.5)


def test_lists_that_say_one_thing_agree_by_chance_alone():
    """87 % agreement is nothing if both lists are nine tenths one label."""
    found = label_agreement(["l"] * 54, ["l"] * 47 + ["e"] * 7)
    assert found["share"] == pytest.approx(found["expected_share"]) and found["p_value"] == 1


def test_equal_lists_of_many_labels_do_not_agree_by_chance():
    found = label_agreement("abcdefgh" * 3, "abcdefgh" * 3, n_draws=500)
    assert found["share"] == 1 and found["p_value"] == pytest.approx(1 / 501)


@pytest.mark.parametrize(("a", "b", "draws"), [([], [], 10), (["a"], ["a", "b"], 10), (["a"], ["a"], 0)])
def test_lists_that_cannot_be_compared_are_one_clear_error(a, b, draws):
    with pytest.raises(InputError, match="two lists of one length"):
        label_agreement(a, b, n_draws=draws)


def pairs(n=30, r=0.6, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return x, r * x + np.sqrt(1 - r * r) * rng.standard_normal(n)


def test_a_line_is_1_and_a_bent_line_only_in_ranks():
    x = np.arange(10.0)
    straight, bent = correlation(x, 3 - 2 * x), correlation(x, np.exp(x))
    assert straight["pearson"]["r"] == pytest.approx(-1) and straight["pearson"]["ci95_high"] == pytest.approx(-1)
    assert bent["spearman"]["r"] == pytest.approx(1) and bent["spearman"]["ci95_low"] == pytest.approx(1)
    assert bent["pearson"]["r"] < 0.8
    json.dumps([straight, bent], allow_nan=False)


def test_intervals_are_those_of_scipys_bootstrap():
    x, y = pairs()
    found = correlation(x, y, n_draws=10_000)
    for name, statistic in (("pearson", scipy.stats.pearsonr), ("spearman", scipy.stats.spearmanr)):
        reference = scipy.stats.bootstrap(
            (x, y),
            lambda a, b, f=statistic: f(a, b)[0],
            paired=True,
            vectorized=False,
            n_resamples=2000,
            method="percentile",
            rng=np.random.default_rng(1),
        )
        assert found[name]["r"] == pytest.approx(statistic(x, y)[0])
        assert found[name]["p_value"] == pytest.approx(statistic(x, y)[1])
        # Ends of 2000 draws are known to some 5 % of the width.
        width = np.diff(reference.confidence_interval)[0]
        ends = [found[name]["ci95_low"], found[name]["ci95_high"]]
        assert ends == pytest.approx(list(reference.confidence_interval), abs=0.1 * width)


def test_the_interval_covers_the_planted_correlation_about_as_often_as_it_says():
    found = [correlation(*pairs(n=60, seed=seed), n_draws=400)["pearson"] for seed in range(200)]
    covered = sum(fit["ci95_low"] <= 0.6 <= fit["ci95_high"] for fit in found)
    assert 174 <= covered <= 199  # 190 expected, standard deviation 3.1; percentile intervals run a little short


def test_draws_without_a_correlation_sit_out_and_are_counted():
    found = correlation([0.0, 0.0, 0.0, 1.0], [1.0, 2.0, 3.0, 5.0], n_draws=4000)
    # A draw is constant in x with chance (3^4 + 1) / 4^4 = 0.32.
    assert found["n_resamples"] == pytest.approx(4000 * (1 - 82 / 256), rel=0.05)


@pytest.mark.parametrize(
    ("x", "y", "draws", "message"),
    [
        ([1, 2, 3], [1, 2, 3], 2000, "at least 4"),
        ([1, 2, 3, 4], [1, 2, 3], 2000, "one length"),
        ([1, 2, 3, 4], [1, 1, 1, 1], 2000, "that differ, got y"),
        ([1, np.nan, 3, 4], [1, 2, 3, 4], 2000, "that differ, got x"),
        ([1, 2, 3, 4], [1, 2, 3, 5], 10, "at least 100 draws"),
    ],
)
def test_what_cannot_be_correlated_is_one_clear_error(x, y, draws, message):
    with pytest.raises(InputError, match=message):
        correlation(x, y, n_draws=draws)


def test_chance_is_that_of_all_orders_of_a_short_list():
    x, y = np.array([1.0, 2.0, 3.0, 5.0, 9.0]), np.array([2.0, 1.0, 4.0, 3.0, 8.0])
    found = correlation_against_chance(x, y, n_draws=40_000)
    every = np.array([abs(np.corrcoef(x, order)[0, 1]) for order in itertools.permutations(y)])
    assert found["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
    share = np.mean(every >= found["r"] - 1e-12)
    assert abs(found["p_value"] - share) < 4 * (share / 40_000) ** 0.5
    assert abs(np.mean(every > found["chance95"] + 1e-9) - 0.05) < 0.02
    assert found["n"] == 5


def test_chance_and_interval_of_unrelated_lists_hold_zero_and_a_line_is_found():
    rng = np.random.default_rng(5)
    x, noise = rng.standard_normal(60), rng.standard_normal(60)
    unrelated, line = correlation_against_chance(x, noise), correlation_against_chance(x, -3 * x + 1)
    assert unrelated["p_value"] > 0.05 and unrelated["ci95_low"] < 0 < unrelated["ci95_high"]
    assert abs(unrelated["chance95"] - 1.96 / 60**0.5) < 0.02  # the normal limit
    assert line["r"] == pytest.approx(-1) and line["p_value"] == pytest.approx(1 / 10_001)


def test_correlation_without_a_trend_is_the_partial_correlation():
    rng = np.random.default_rng(6)
    depth = np.arange(30.0)
    x, y = depth + rng.standard_normal(30), 2 * depth + rng.standard_normal(30)
    r = np.corrcoef([x, y, depth])
    expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    found = correlation_against_chance(without_trend(x, depth), without_trend(y, depth))["r"]
    assert found == pytest.approx(expected, abs=1e-12)
    assert abs(found) < 0.6 < r[0, 1]
