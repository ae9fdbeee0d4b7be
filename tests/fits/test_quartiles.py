import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits import alpha_by_quartile, fit_power_law

SIGMA = np.geomspace(1.0, 1e-4, 50)


def test_a_broken_power_law_shows_its_two_exponents():
    h = SIGMA**2
    h[25:] = h[25] * (SIGMA[25:] / SIGMA[25])  # slope 1 in the lower half
    fits = alpha_by_quartile(SIGMA, h * np.exp(0.01 * np.random.default_rng(0).standard_normal(50)), [True] * 50)
    assert [fit["slope"] for fit in fits] == pytest.approx([2, 2, 1, 1], abs=0.02)


def test_quarters_cover_the_usable_directions_once_in_order():
    h, keep = SIGMA**2, np.ones(50, dtype=bool)
    keep[48:], h[3] = False, -1.0
    fits = alpha_by_quartile(SIGMA, h, keep)
    assert [(fit["first_k"], fit["last_k"], fit["n"]) for fit in fits] == [
        (1, 13, 12),
        (14, 25, 12),
        (26, 37, 12),
        (38, 48, 11),
    ]


def test_each_quarter_is_a_fit_of_its_own():
    h = SIGMA**2 * np.exp(0.3 * np.random.default_rng(1).standard_normal(50))
    third = alpha_by_quartile(SIGMA, h, np.ones(50, dtype=bool))[2]
    used = slice(third["first_k"] - 1, third["last_k"])
    assert third == fit_power_law(SIGMA[used], h[used]).as_dict() | {"first_k": 27, "last_k": 38}


def test_a_quarter_of_fewer_than_three_directions_is_none():
    fits = alpha_by_quartile(SIGMA[:10], SIGMA[:10] ** 2, [True] * 10)  # 3, 3, 2, 2
    assert [fit is None for fit in fits] == [False, False, True, True]
    assert alpha_by_quartile(SIGMA[:10], SIGMA[:10], [False] * 10) == [None] * 4


def test_lists_that_differ_in_length_are_one_clear_error():
    with pytest.raises(InputError, match="one length"):
        alpha_by_quartile(SIGMA, SIGMA[:-1], [True] * 50)
