"""Claims that hold and say nothing, and the printing rule."""

from dataclasses import replace

import pytest

from claimgate.claim import Claim
from claimgate.strictness import objection

CLAIM = Claim(
    "a.b", "s", "p", ("x",), "@", "alpha", None, "mean", "equals", "2.17", "", "printed", "r"
)  # fmt: skip
VALUES = (2.1, 2.2, 2.21)


@pytest.mark.parametrize(
    ("changes", "value", "fine"),
    [
        ({}, 2.17, True),
        ({"check": "rounded_up"}, 2.165, False),  # truncated or rounded: an estimate is rounded to nearest
        ({"check": "rounded_down"}, 2.175, False),
        ({"check": "rounded_up", "reduce": "max"}, 2.165, True),
        ({"check": "rounded_down", "reduce": "min"}, 2.175, True),
        ({"check": "rounded_down", "reduce": "max"}, 2.175, False),
        ({"check": "above", "tolerance": "exact", "stated": "-1e9"}, 2.17, False),
        ({"check": "above", "tolerance": "exact", "stated": "2"}, 2.17, False),
        ({"check": "below", "tolerance": "exact", "stated": "0"}, -2.17, False),  # of no difference
        ({"check": "above", "tolerance": "exact", "stated": "0", "reduce": "mean_difference_low"}, 2.17, True),
        ({"check": "above", "tolerance": "exact", "stated": "1", "reduce": "mean_difference_low"}, 2.17, False),
        ({"check": "below", "tolerance": "exact", "stated": "0.05", "reduce": "equivalence_p"}, 0.01, True),
        ({"check": "below", "tolerance": "exact", "stated": "0.5", "reduce": "equivalence_p"}, 0.01, False),
        ({"check": "below", "tolerance": "exact", "stated": "1e-9", "quantity": "stored_fit_difference"}, 1e-15, True),
        ({"check": "below", "tolerance": "exact", "stated": "1", "quantity": "stored_fit_difference"}, 1e-15, False),
        ({"tolerance": "0.05"}, 2.17, True),
        ({"tolerance": "0.07"}, 2.17, False),  # the values are spread by 0.06
        ({"tolerance": "1e2"}, 2.17, False),
        ({"stated": "1e2", "tolerance": "printed"}, 60.0, True),
        ({"stated": "1e2", "tolerance": "printed"}, 40.0, False),
        ({"stated": "0", "tolerance": "printed"}, 0.4, False),
        ({"stated": "0", "tolerance": "printed"}, 0.0, True),
    ],
)
def test_a_claim_that_holds_must_say_something(changes, value, fine):
    assert (objection(replace(CLAIM, **changes), value, VALUES, ("stored_",)) is None) is fine
