import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import forecast_correlation, forecast_coverage, forecast_errors, forecast_skill

MEASURED = [1.0, 2.0, 4.0]


def test_errors_are_predicted_minus_measured():
    assert forecast_errors(MEASURED, [[1, 2], [2], [3, 3]]).tolist() == [0.5, 0.0, -1.0]


def test_a_shifted_forecast_correlates_fully_and_has_less_skill():
    draws = [[x + 1] for x in MEASURED]
    assert forecast_correlation(MEASURED, draws) == pytest.approx(1)
    assert forecast_skill(MEASURED, draws) == pytest.approx(1 - 3 / np.sum((np.array(MEASURED) - 7 / 3) ** 2))


def test_a_reversed_forecast_correlates_negatively():
    assert forecast_correlation(MEASURED, [[-x] for x in MEASURED]) == pytest.approx(-1)


def test_coverage_of_draws_from_the_same_law_is_95_percent():
    # n = 4000 items, 400 draws each: standard error 0.0034, and the finite number of draws lowers it by about 0.005.
    rng = np.random.default_rng(0)
    values = rng.standard_normal(4000)
    assert forecast_coverage(values, rng.standard_normal((4000, 400))) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("draws", [[[1.0]], [[1.0], [2.0], []]])
def test_a_forecast_without_draws_for_each_item_is_refused(draws):
    with pytest.raises(InputError, match="expected draws for each of 3 items"):
        forecast_errors(MEASURED, draws)


def test_a_constant_forecast_has_no_correlation():
    with pytest.raises(InputError, match="vary"):
        forecast_correlation(MEASURED, [[2.0]] * 3)
