import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import r_squared


def test_it_is_one_minus_the_residual_share_of_a_least_squares_line():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 30))
    design = np.column_stack([np.ones(30), x])
    residuals = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert r_squared(x, y) == pytest.approx(1 - residuals @ residuals / ((y - y.mean()) ** 2).sum())
    assert r_squared(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)


def test_a_constant_list_has_none():
    assert r_squared([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None


@pytest.mark.parametrize("y", [[1.0, 2.0], [1.0, 2.0, float("nan")]])
def test_what_cannot_be_fitted_is_refused(y):
    with pytest.raises(InputError, match=r"R\^2: expected two finite vectors"):
        r_squared([1.0, 2.0, 3.0], y)
