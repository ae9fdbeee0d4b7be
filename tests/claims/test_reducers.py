"""Reducers against numpy's: the same numbers, and the same refusals where a sum overflows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimgate.checks import REDUCERS, NotEvaluable, compare_values, reduce_values

NUMPY = {
    "count": np.size,
    "sum": np.sum,
    "mean": np.mean,
    "median": np.median,
    "std": lambda values: np.std(values, ddof=1),
    "min": np.min,
    "max": np.max,
    "percentile_5": lambda values: np.percentile(values, 5),
    "percentile_95": lambda values: np.percentile(values, 95),
    "root_mean_square": lambda values: np.sqrt(np.mean(np.square(values))),
}
NUMBERS = st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6)


def test_every_reducer_has_its_counterpart():
    assert NUMPY.keys() | {"same"} == REDUCERS.keys()


@given(st.lists(NUMBERS, min_size=2, max_size=40), st.sampled_from(sorted(NUMPY)))
def test_reducers_agree_with_numpy(values, name):
    scale = max(map(abs, values))
    expected = NUMPY[name](np.asarray(values, dtype=np.float64))
    assert reduce_values(values, name) == pytest.approx(float(expected), rel=1e-12, abs=1e-13 * scale)


@pytest.mark.parametrize("name", ["sum", "mean", "root_mean_square", "std"])
def test_what_overflows_is_no_value(name):
    with pytest.raises(NotEvaluable, match="overflows"):
        reduce_values([1.5e308, 1.5e308, -1.5e308], name) if name == "std" else reduce_values([1.5e308] * 3, name)


def test_finite_numbers_whose_sum_is_not_are_still_numbers():
    assert reduce_values([1.5e308, 1.5e308], "max") > 1e308


@pytest.mark.parametrize("odd", [True, None, "1", float("nan"), float("inf"), 10**400, [1.0]])
def test_one_value_that_is_no_finite_number_is_found_among_many(odd):
    with pytest.raises(NotEvaluable, match="expected finite numbers"):
        reduce_values([0.5] * 300 + [odd] + [0.5] * 300, "mean")


def test_a_difference_of_means_is_that_of_numpy():
    one, other = [0.1, 0.2, 0.4], [1, 2, 5]
    assert compare_values(one, other, "mean_difference", 0.0) == pytest.approx(np.mean(one) - np.mean(other), rel=1e-15)
