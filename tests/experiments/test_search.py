"""The search that spends the same number of trials on every contestant."""

import math

import pytest

from experiments import _contest
from experiments._search import search
from layercurv.errors import InputError
from layercurv.files import WriteError
from tests.experiments.smoke import smoke_record


def hill(*peak):
    return lambda point: -sum(math.log(value / top) ** 2 for value, top in zip(point, peak, strict=True))


@pytest.mark.parametrize("peak", [0.001, 0.01, 0.5])
def test_the_line_is_followed_until_the_peak_lies_inside_and_then_halved(peak):
    found = search(hill(peak), (0.01,), (3.0,), 9)
    assert len(found.scores) == 9 and found.is_inside
    assert abs(math.log(found.best[0] / peak)) < math.log(3) / 2


def test_both_axes_are_walked():
    found = search(hill(0.09, 0.5), (0.01, 0.05), (3.0, 10.0), 9)
    assert found.best == pytest.approx((0.09, 0.5), rel=1e-3) and found.is_inside
    assert list(found.scores)[:5] == [(0.01, 0.05), (0.00333333, 0.05), (0.03, 0.05), (0.09, 0.05), (0.27, 0.05)]


def test_a_budget_that_ends_at_an_end_says_so():
    found = search(hill(1e3), (0.01,), (3.0,), 4)
    assert len(found.scores) == 4 and not found.is_inside and found.best[0] == max(found.scores)[0]


def test_a_decay_of_zero_stays_and_costs_nothing():
    found = search(lambda point: hill(0.03)(point[:1]), (0.01, 0.0), (3.0, 10.0), 6)
    assert len(found.scores) == 6 and {point[1] for point in found.scores} == {0.0} and found.is_inside


def test_what_diverges_is_worse_than_anything_and_all_diverged_leaves_the_start():
    def score(point):
        return None if point[0] > 0.02 else point[0]

    assert search(score, (0.01,), (3.0,), 5).best[0] == pytest.approx(0.01 * math.sqrt(3), rel=1e-4)
    assert search(lambda _: None, (0.01,), (3.0,), 3).best == (0.01,)


def test_no_point_is_tried_twice_and_the_first_of_equals_wins():
    calls = []
    found = search(lambda point: calls.append(point) or 1.0, (0.01, 0.05), (3.0, 10.0), 12)
    assert len(calls) == len(set(calls)) == 12 and found.best == (0.01, 0.05)


@pytest.mark.parametrize(("error", "message"), [(WriteError, "no room"), (InputError, "diverged at each of")])
def test_a_full_disk_ends_a_contest_and_is_no_divergence(tmp_path, monkeypatch, error, message):
    def fail(*_):
        raise error("no room")

    monkeypatch.setattr(_contest, "trained_model", fail)
    with pytest.raises(InputError, match=message):
        smoke_record("spectral_newton", tmp_path)
