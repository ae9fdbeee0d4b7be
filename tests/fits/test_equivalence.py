import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtr, stdtrit

from layercurv.errors import InputError
from layercurv.fits import difference_interval, equivalence_test, holm
from tests.compare import assert_close


def with_moments(mean, std, n, seed=0):
    x = np.random.default_rng(seed).standard_normal(n)
    return mean + std * (x - x.mean()) / x.std(ddof=1)


def by_hand(difference, error, df, margin):
    """p of both one-sided tests and the 90 % interval from Student's t."""
    half = stdtrit(df, 0.95) * error
    p = [1 - stdtr(df, (difference + margin) / error), stdtr(df, (difference - margin) / error)]
    return [difference, difference - half, difference + half, *p, max(p)]


KEYS = ("difference", "ci90_low", "ci90_high", "p_lower", "p_upper", "p")


def test_welch_agrees_with_its_formula_on_a_published_replication():
    """Means, deviations and sizes of Moery and Calin-Jageman (2016), study 2, which Lakens (2017) calls equivalent."""
    a, b = 0.95**2 / 95, 0.83**2 / 89
    df = (a + b) ** 2 / (a**2 / 94 + b**2 / 88)
    margin = 0.43 * np.sqrt((0.95**2 + 0.83**2) / 2)
    found = equivalence_test(with_moments(5.25, 0.95, 95), with_moments(5.22, 0.83, 89, 1), margin, paired=False)
    assert_close([found[key] for key in KEYS], by_hand(0.03, np.sqrt(a + b), df, margin), 1e-9)
    assert found["equivalent"] is True and found["p"] < 0.005


def test_the_interval_of_a_difference_is_welchs():
    a, b = 0.95**2 / 95, 0.83**2 / 89
    half = stdtrit((a + b) ** 2 / (a**2 / 94 + b**2 / 88), 0.975) * np.sqrt(a + b)
    found = difference_interval(with_moments(5.25, 0.95, 95), with_moments(5.22, 0.83, 89, 1))
    assert_close(found, (0.03 - half, 0.03 + half), 1e-9)


def test_the_interval_of_pairs_is_students():
    base, shift = with_moments(90, 5, 8), with_moments(0.2, 0.3, 8, 1)
    half = stdtrit(7, 0.975) * 0.3 / np.sqrt(8)
    assert_close(difference_interval(base + shift, base, paired=True), (0.2 - half, 0.2 + half), 1e-9)


def test_the_interval_holds_the_difference_in_95_percent_of_draws():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(600):
        low, high = difference_interval(1.0 + rng.standard_normal(3), 3.0 * rng.standard_normal(3))
        hits += low < 1.0 < high
    assert abs(hits / 600 - 0.95) < 3 * (0.05 * 0.95 / 600) ** 0.5  # three standard errors


@pytest.mark.parametrize("sample", [[1.0], [1.0, np.nan], [1.0, 1.0]])
def test_an_interval_needs_values_that_scatter(sample):
    with pytest.raises(InputError):
        difference_interval(sample, [1.0, 1.0])


def test_paired_agrees_with_its_formula():
    base, shift = with_moments(90, 5, 8), with_moments(0.2, 0.3, 8, 1)
    found = equivalence_test(base + shift, base, 0.5, paired=True)
    assert_close([found[key] for key in KEYS], by_hand(0.2, 0.3 / np.sqrt(8), 7, 0.5), 1e-9)


def test_pairs_remove_the_scatter_they_share():
    base, shift = with_moments(90, 5, 8), with_moments(0.0, 0.1, 8, 1)
    assert equivalence_test(base + shift, base, 0.5, paired=True)["equivalent"]
    assert not equivalence_test(base + shift, base, 0.5, paired=False)["equivalent"]


def test_not_significant_is_not_equivalent():
    noisy = equivalence_test(with_moments(1, 4, 3), with_moments(0, 4, 3, 1), 0.5, paired=False)
    assert noisy["ci90_low"] < 0 < noisy["ci90_high"] and noisy["equivalent"] is False


@pytest.mark.parametrize("paired", [True, False])
@settings(deadline=None)
@given(data=st.data())
def test_equivalent_means_the_90_percent_interval_lies_inside_the_margin(paired, data):
    size = st.integers(2, 9)
    n = data.draw(size)
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    sample, reference = rng.standard_normal(n), rng.standard_normal(n if paired else data.draw(size))
    found = equivalence_test(sample, reference, data.draw(st.floats(0.05, 5)), paired)
    inside = -found["margin"] < found["ci90_low"] and found["ci90_high"] < found["margin"]
    assert found["equivalent"] == inside
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_difference_at_the_margin_is_called_equivalent_in_5_percent_of_draws(sign):
    rng = np.random.default_rng(0)
    hits = sum(
        equivalence_test(rng.standard_normal(20) + sign * 2.0, rng.standard_normal(20), 2.0, False)["equivalent"]
        for _ in range(600)
    )
    assert abs(hits / 600 - 0.05) < 3 * (0.05 * 0.95 / 600) ** 0.5  # three standard errors


@pytest.mark.parametrize(
    ("sample", "reference", "margin", "paired", "message"),
    [
        ([1.0], [1.0, 2.0], 1.0, False, "at least 2 values"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], 1.0, True, "expected pairs, got 2 and 3"),
        ([1.0, np.nan], [1.0, 2.0], 1.0, False, "finite"),
        ([1.0, 2.0], [1.0, 3.0], 0.0, False, "positive margin, got 0"),
        ([93.1, 93.4], [92.9, 93.2], 1.0, True, "values that scatter"),  # 0.2 twice, to rounding
        ([1.0, 1.0], [2.0, 2.0], 1.0, False, "values that scatter"),
    ],
)
def test_what_cannot_be_tested_is_one_clear_error(sample, reference, margin, paired, message):
    with pytest.raises(InputError, match=message):
        equivalence_test(sample, reference, margin, paired)


def test_holm_by_hand():
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.9, 0.04, 0.6]) == pytest.approx([1.0, 0.12, 1.0])
    assert holm([0.2]) == [0.2] and holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0.001, 0.3))
def test_holm_rejects_what_the_closed_test_rejects(p_values, level):
    """A hypothesis falls if Bonferroni rejects every set of hypotheses that holds it."""
    items = range(len(p_values))
    sets = [s for r in range(1, len(p_values) + 1) for s in itertools.combinations(items, r)]
    adjusted = [max(min(1, len(s) * min(p_values[i] for i in s)) for s in sets if item in s) for item in items]
    assert holm(p_values) == pytest.approx(adjusted)


@pytest.mark.parametrize("bad", [[-0.1], [1.1], [np.nan], [[0.1]]])
def test_what_is_no_p_value_is_refused(bad):
    with pytest.raises(InputError, match="between 0 and 1"):
        holm(bad)
