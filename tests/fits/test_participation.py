import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layercurv.errors import InputError
from layercurv.fits import effective_rank, finite_zeta_bound, participation_ratio, zeta_bound
from tests.compare import assert_close

nonnegative = st.lists(st.just(0.0) | st.floats(1e-6, 1e6), min_size=1, max_size=40).filter(any)


@pytest.mark.parametrize("count", [participation_ratio, effective_rank])
def test_equal_values_count_fully_and_zeros_not_at_all(count):
    assert count([3.0] * 7 + [0.0] * 5) == pytest.approx(7, rel=1e-12)
    assert count([0.0, 2.0]) == pytest.approx(1, rel=1e-12)


@settings(deadline=None)
@given(nonnegative)
def test_effective_rank_is_the_larger_count_and_both_lie_between_one_and_n(values):
    """Renyi entropies of orders 1 and 2; the higher order is the smaller."""
    ratio, rank = participation_ratio(values), effective_rank(values)
    assert 1 - 1e-9 <= ratio <= rank * (1 + 1e-9) <= np.count_nonzero(values) * (1 + 1e-8)


@settings(deadline=None)
@given(nonnegative, st.sampled_from([1e-200, 1e-9, 1e150]))
def test_counts_do_not_depend_on_the_unit(values, unit):
    scaled = np.array(values) * unit
    assert participation_ratio(scaled) == pytest.approx(participation_ratio(values), rel=1e-9)
    assert effective_rank(scaled) == pytest.approx(effective_rank(values), rel=1e-9)


def test_effective_rank_of_a_geometric_spectrum_is_its_closed_form():
    q = 0.5  # entropy of the geometric distribution: -(q ln q + (1-q) ln(1-q)) / (1-q)
    entropy = -(q * np.log(q) + (1 - q) * np.log(1 - q)) / (1 - q)
    assert effective_rank(q ** np.arange(200.0)) == pytest.approx(np.exp(entropy), rel=1e-12)


def test_negative_curvatures_cancel():
    assert participation_ratio([1.0, -1.0]) == 0
    assert participation_ratio([3.0, 1.0, -1.0]) == pytest.approx(9 / 11)


def test_zeta_bound_is_its_closed_forms():
    pi = np.pi
    assert_close(
        [zeta_bound(2), zeta_bound(4)], [(pi**2 / 6) ** 2 / (pi**4 / 90), (pi**4 / 90) ** 2 / (pi**8 / 9450)], 1e-12
    )
    assert zeta_bound(60) == pytest.approx(1)


@pytest.mark.parametrize("exponent", [1.0, 0.5, 0.0, -2.0])
def test_where_the_series_diverges_there_is_no_bound(exponent):
    assert zeta_bound(exponent) is None
    assert finite_zeta_bound(exponent, 4000) > 1.5 * finite_zeta_bound(exponent, 400)


@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
def test_finite_bound_grows_to_the_endless_one(exponent):
    ratios = [finite_zeta_bound(exponent, n) for n in (1, 10, 1000, 10**6)]
    assert ratios[0] == 1 and ratios == sorted(ratios)
    # The tail of sum k^-s past n is n^(1-s)/(s-1), and the ratio is quadratic in the sum.
    assert ratios[-1] == pytest.approx(
        zeta_bound(exponent), rel=2.5 * 10 ** (-6 * (exponent - 1)) / (exponent - 1) + 1e-9
    )
    assert ratios[-1] <= zeta_bound(exponent) * (1 + 1e-9)


def test_finite_bound_is_the_participation_ratio_of_the_terms():
    k = np.arange(1.0, 31.0)
    assert finite_zeta_bound(0.7, 30) == pytest.approx(participation_ratio(k**-0.7), rel=1e-12)
    assert finite_zeta_bound(0.0, 30) == pytest.approx(30)
    assert finite_zeta_bound(-300.0, 30) == pytest.approx(1, rel=1e-3)  # k^300 alone would overflow


@pytest.mark.parametrize("bad", [[], [0.0, 0.0], [1.0, np.nan], [np.inf, 1.0], [[1.0, 2.0]]])
@pytest.mark.parametrize("count", [participation_ratio, effective_rank])
def test_lists_without_a_count_are_refused(count, bad):
    with pytest.raises(InputError, match="not all zero"):
        count(bad)


def test_a_negative_eigenvalue_and_a_bad_exponent_are_refused():
    with pytest.raises(InputError, match=">= 0, got -1"):
        effective_rank([2.0, -1.0])
    for call in (lambda: zeta_bound(np.nan), lambda: finite_zeta_bound(np.inf, 3), lambda: finite_zeta_bound(2.0, 0)):
        with pytest.raises(InputError, match="finite exponent"):
            call()
