import hashlib
import math
from fractions import Fraction

import numpy as np
import pytest

from claimgate.statistics.reproducible import exp, inner, log, total

RNG = np.random.default_rng(0)


def test_a_sum_is_the_float_next_to_the_true_one_in_any_order():
    values = RNG.standard_normal(500) * 10.0 ** RNG.integers(-12, 12, 500)
    true = float(sum(map(Fraction, values.tolist())))
    assert {total(values), total(values[::-1]), total(RNG.permuted(values))} == {true}


def test_an_inner_product_is_the_sum_of_rounded_products():
    x, y = RNG.standard_normal((2, 300))
    assert {inner(x, y)} == {float(sum(Fraction(a * b) for a, b in zip(x.tolist(), y.tolist(), strict=True)))}
    # A kernel that fuses multiplication and addition keeps 2^-60 of the first product.
    assert inner(np.array([1 + 2.0**-30, -1.0]), np.array([1 + 2.0**-30, 1 + 2.0**-29])) in {0.0}


@pytest.mark.parametrize(
    "values",
    [
        RNG.uniform(0.4, 2.5, 20_000),
        1 + RNG.standard_normal(20_000) * 1e-9,
        np.ldexp(RNG.uniform(0.5, 1, 20_000), RNG.integers(-1070, 1023, 20_000)),
        np.array([5e-324, np.finfo(float).tiny, 1.0, 2.0, 1e300, np.finfo(float).max]),
    ],
)
def test_logarithms_are_right_to_one_unit_in_the_last_place(values):
    expected = np.array([math.log(value) for value in values])  # itself wrong by up to half a unit
    assert (np.abs(log(values) - expected) <= 1.5 * np.spacing(np.abs(expected))).all()


def test_exponentials_are_right_to_one_unit_in_the_last_place():
    values = np.concatenate([RNG.uniform(-700, 700, 20_000), RNG.uniform(-1, 1, 20_000) * 1e-3])
    expected = np.array([math.exp(value) for value in values])
    assert (np.abs(exp(values) - expected) <= 1.5 * np.spacing(expected)).all()


def test_shapes_are_kept():
    assert log(2.0).shape == exp(2.0).shape == ()
    assert log(np.ones((2, 3))).tolist() == [[0.0] * 3] * 2
    assert exp(np.zeros((2, 3))).tolist() == [[1.0] * 3] * 2


def test_the_bits_are_those_of_every_other_machine():
    """Computed once: a build of numpy that fuses or reorders anything ends here."""
    x = np.arange(1.0, 1001.0) / 7
    assert hashlib.sha256(log(x).astype("<f8").tobytes()).hexdigest()[:16] == "32fa27b0a002bb4f"
    assert hashlib.sha256(exp(x / 10).astype("<f8").tobytes()).hexdigest()[:16] == "7daf6403df59295b"
