"""What a claim recomputes of rank_profile records, against planted laws, the reference and exact permutation counts."""

import itertools
import json
import math
from statistics import NormalDist

import numpy as np
import pytest

from layercurv.claims.profile_quantities import PAIR_QUANTITIES, PROFILE_QUANTITIES
from tests.reference.profile import LAWS, names
from tests.reference.profile import quantity as reference

K = np.arange(1.0, 41.0)
RIPPLE = np.where(np.arange(40) % 2, 0.01, -0.01)  # neighbours disagree, so nothing is discounted


def layer(logarithms, null: int = 0) -> dict:
    """Singular values of given logarithms, and some null ones behind them that no law meets."""
    sigma = [*np.exp(logarithms), *[1e-9] * null]
    return {"singular_values": sigma, "is_null": [False] * len(logarithms) + [True] * null}


PLANTED = {
    "power_law": layer(1 - 0.8 * np.log(K) + RIPPLE, null=3),
    "exponential": layer(1 - 0.1 * K + RIPPLE, null=3),
    "log_normal": layer(1 - 0.2 * np.log(K) - 0.2 * np.log(K) ** 2 + RIPPLE, null=3),
}
BENT_UP = layer(1 - 1.5 * np.log(K) + 0.2 * np.log(K) ** 2 + RIPPLE)


def frozen(root) -> list[dict]:
    path = root / "results" / "rank_profile" / "resnet50_tiny_imagenet_seed0.small.json"
    return json.loads(path.read_text())["measurements"]["profiles"]


@pytest.mark.parametrize("name", sorted(set(PROFILE_QUANTITIES) - set(PAIR_QUANTITIES)))
def test_every_quantity_of_frozen_layers_is_what_the_reference_finds(root, name):
    for profile in (frozen(root)[0], frozen(root)[-1]):
        for entry in profile["layers"]:
            found, expected = PROFILE_QUANTITIES[name](entry), reference(name, entry)
            assert found == pytest.approx(expected, rel=1e-7, abs=1e-7), entry["name"]


def test_all_profile_quantities_have_a_reference():
    assert names(PROFILE_QUANTITIES) == set(PROFILE_QUANTITIES)


@pytest.mark.parametrize("law", LAWS)
def test_a_planted_law_wins_and_null_values_have_no_say(law):
    found = {name: PROFILE_QUANTITIES[f"profile_{name}"](PLANTED[law]) for name in LAWS}
    assert found == {name: float(name == law) for name in LAWS}
    assert PROFILE_QUANTITIES["profile_log_n"](PLANTED[law]) == pytest.approx(math.log(40))


def test_a_power_law_leads_by_at_most_log_n_and_is_never_clear():
    for seed in range(20):
        entry = layer(1 - 0.8 * np.log(K) + 0.1 * np.random.default_rng(seed).normal(size=40))
        if PROFILE_QUANTITIES["profile_power_law"](entry):
            assert 0 < PROFILE_QUANTITIES["profile_margin"](entry) <= math.log(40)
            assert PROFILE_QUANTITIES["profile_clear"](entry) == 0
    assert PROFILE_QUANTITIES["profile_margin"](PLANTED["power_law"]) == pytest.approx(math.log(40), abs=0.2)


def test_ranked_values_of_a_log_normal_law_bend_down():
    quantiles = NormalDist().inv_cdf
    entry = layer([quantiles(1 - (k - 0.5) / 40) for k in K])
    assert [PROFILE_QUANTITIES[name](entry) for name in ("profile_power_law", "profile_bent_up")] == [0, 0]


def test_a_parabola_that_opens_upwards_wins_as_log_normal_and_is_told_apart():
    assert PROFILE_QUANTITIES["profile_log_normal"](BENT_UP) == 1
    assert [PROFILE_QUANTITIES["profile_bent_up"](entry) for entry in (BENT_UP, PLANTED["log_normal"])] == [1, 0]
    convex_power = layer(1 - 0.8 * np.log(K) + RIPPLE / 10)
    assert PROFILE_QUANTITIES["profile_bent_up"](convex_power) == 0


def test_margins_that_neighbours_make_are_discounted():
    wave = 0.1 * np.sin(2 * np.pi * K / 40)  # smooth, so 40 points count as three
    slow = layer(1 - 0.8 * np.log(K) - 0.05 * np.log(K) ** 2 + wave)
    assert PROFILE_QUANTITIES["profile_autocorrelation"](slow) > 0.8
    assert [PROFILE_QUANTITIES[name](slow) for name in ("profile_clear", "profile_clear_discounted")] == [1, 0]
    fast = PLANTED["log_normal"]
    assert PROFILE_QUANTITIES["profile_autocorrelation"](fast) < 0
    assert [PROFILE_QUANTITIES[name](fast) for name in ("profile_clear", "profile_clear_discounted")] == [1, 1]


def test_agreement_is_against_all_permutations():
    first, second = ("power_law", "log_normal", "log_normal"), ("power_law", "log_normal", "exponential")
    pair = {"a": [PLANTED[law] for law in first], "b": [PLANTED[law] for law in second]}
    orders = [sum(x == y for x, y in zip(first, order, strict=True)) for order in itertools.permutations(second)]
    assert PROFILE_QUANTITIES["winner_agreement_share"](pair) == pytest.approx(2 / 3)
    assert PROFILE_QUANTITIES["winner_agreement_expected_share"](pair) == pytest.approx(np.mean(orders) / 3)
    share_of_orders = np.mean(np.array(orders) >= 2)
    assert PROFILE_QUANTITIES["winner_agreement_p_value"](pair) == pytest.approx(share_of_orders, abs=0.02)


def test_agreement_of_frozen_layers_is_what_the_reference_finds(root):
    profiles = frozen(root)
    pair = {"a": profiles[0]["layers"], "b": profiles[2]["layers"]}
    for name in PAIR_QUANTITIES:
        assert PROFILE_QUANTITIES[name](pair) == pytest.approx(reference(name, pair), rel=1e-12, abs=0.01), name
