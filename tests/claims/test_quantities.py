"""What a claim recomputes of our own layers, against the reference and against what was planted."""

import copy
import json
import math

import numpy as np
import pytest

from layercurv.claims.contest_quantities import CONTEST_QUANTITIES
from layercurv.claims.kronecker_quantities import KRONECKER_QUANTITIES
from layercurv.claims.noise_quantities import NOISE_QUANTITIES
from layercurv.claims.profile_quantities import PROFILE_QUANTITIES
from layercurv.claims.quantities import QUANTITIES, SPECTRUM_QUANTITIES
from layercurv.claims.tail_quantities import TAIL_QUANTITIES
from layercurv.claims.validation_quantities import VALIDATION_QUANTITIES
from tests.records import ALPHA, smoke_record
from tests.reference.claims import quantity as reference

LAYERS = [layer for seed in (0, 1) for layer in smoke_record(seed, "small")["measurements"]["layers"]]
FROM_HALVES = {name for name in QUANTITIES if name.startswith(("held_out_", "half_"))}
HALVES = [
    {"a": LAYERS[i], "b": LAYERS[j], "crossed": {"slopes": LAYERS[j]["singular_values"][::-1]}}
    for i, j in ((0, 6), (6, 0), (2, 3), (5, 11))
]


def layer(**changes) -> dict:
    changed = copy.deepcopy(LAYERS[2])
    return changed | changes


ELSEWHERE = {
    *VALIDATION_QUANTITIES,
    *PROFILE_QUANTITIES,
    *KRONECKER_QUANTITIES,
    *TAIL_QUANTITIES,
    *SPECTRUM_QUANTITIES,
    *NOISE_QUANTITIES,
    *CONTEST_QUANTITIES,
}


@pytest.mark.parametrize("name", sorted(set(QUANTITIES) - ELSEWHERE - FROM_HALVES))
def test_every_quantity_is_what_the_reference_finds(name):
    for number, entry in enumerate(LAYERS):
        found, expected = QUANTITIES[name](entry), reference(name, entry)
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-9), (number, entry["name"])


@pytest.mark.parametrize("name", sorted(FROM_HALVES))
def test_every_quantity_of_two_halves_is_what_the_reference_finds(name):
    for halves in HALVES:
        assert QUANTITIES[name](halves) == pytest.approx(reference(name, halves), rel=1e-8, abs=1e-9)


def test_share_left_is_the_median_ratio_of_what_is_not_null():
    first = layer(singular_values=[4.0, 2.0, 1.0, 1e-9], is_null=[False, False, False, True])
    halves = {"a": first, "crossed": {"slopes": [-4.0, 0.5, 0.75, 1.0]}}
    assert QUANTITIES["half_share_left"](halves) == pytest.approx(0.25)


def power_law_layer(alpha: float, gamma: float, order=slice(None)) -> dict:
    k = np.arange(1.0, 9.0)
    return {
        "singular_values": (k**-gamma).tolist(),
        "curvatures": (k ** -(alpha * gamma))[order].tolist(),
        "is_null": [False] * 8,
    }


def test_halves_that_are_power_laws_differ_by_their_exponents():
    halves = {"a": power_law_layer(2.0, 0.8), "b": power_law_layer(2.5, 0.8)}
    for name in FROM_HALVES - {"half_share_left"}:  # 1.6 predicts 2.0
        assert QUANTITIES[name](halves) == pytest.approx(0.2)
    halves["b"] = power_law_layer(2.5, 0.8, slice(None, None, -1))
    assert QUANTITIES["held_out_sorted"](halves) == pytest.approx(0.2)
    assert QUANTITIES["held_out_unsorted"](halves) > 1  # s < 0 in the order of k


def test_participation_of_a_power_law_is_the_formula_and_a_first_direction_that_stands_apart_lowers_it():
    assert QUANTITIES["participation_over_power_law"](power_law_layer(2.0, 0.8)) == pytest.approx(1)
    entry = {
        "singular_values": [1.0] * 6,
        "curvatures": [6.0, 1.0, 2.0, -1.0, 1.0, 9.0],
        "is_null": [False] * 5 + [True],
    }
    assert QUANTITIES["participation"](entry) == pytest.approx(100 / 42)
    assert QUANTITIES["participation_without_largest"](entry) == pytest.approx(16 / 6)
    assert QUANTITIES["largest_curvature_share"](entry) == pytest.approx(0.6)


def test_planted_exponents_are_found():
    for entry in LAYERS:
        assert QUANTITIES["alpha"](entry) == pytest.approx(ALPHA[entry["name"]], abs=0.2)
        assert QUANTITIES["gamma"](entry) == pytest.approx(0.8, abs=1e-9)


def test_counts_of_what_is_dropped():
    head = next(entry for entry in LAYERS if entry["name"] == "fc")
    assert [QUANTITIES[name](head) for name in ("n_valid", "n_null", "n_negative")] == [7, 1, 0]
    negative = layer(curvatures=[-1.0, *LAYERS[2]["curvatures"][1:]])
    assert [QUANTITIES[name](negative) for name in ("n_valid", "n_null", "n_negative")] == [7, 0, 1]


def test_the_interval_holds_two_or_not():
    sigma = np.array(LAYERS[2]["singular_values"])
    wiggle = np.exp(0.2 * np.cos(np.arange(sigma.size) * 2.0))
    for alpha, holds in ((2.0, 1.0), (1.0, 0.0), (3.0, 0.0)):
        entry = layer(curvatures=(sigma**alpha * wiggle).tolist())
        assert QUANTITIES["alpha_interval_holds_2"](entry) == pytest.approx(holds)


def test_differences_from_what_is_stored_are_seen_wherever_they_are():
    for change in (
        lambda e: e["fits"]["alpha"].update(slope=e["fits"]["alpha"]["slope"] + 0.25),
        lambda e: e["fits"]["gamma"].update(intercept=e["fits"]["gamma"]["intercept"] - 0.25),
        lambda e: e["fits"]["s_unsorted"].update(r2=e["fits"]["s_unsorted"]["r2"] + 0.25),
        lambda e: e["fits"].update(n_valid=e["fits"]["n_valid"] + 0.25),
        lambda e: e["fits"].update(transfer_relative_error=e["fits"]["transfer_relative_error"] + 0.25),
    ):
        entry = layer()
        change(entry)
        assert QUANTITIES["stored_fit_difference"](entry) == pytest.approx(0.25)
    for kind in ("empirical", "ggn"):
        entry = layer()
        entry["alpha_slopes"][kind]["chi"] -= 0.25
        assert QUANTITIES["stored_slope_difference"](entry) == pytest.approx(0.25)
    assert QUANTITIES["stored_fit_difference"](layer()) == pytest.approx(0, abs=1e-12)


def test_engines_are_compared_relative_to_the_reference():
    entry = layer(engine_check={"found": [1.0, 0.5], "double_backward": [1.25, 0.4]})
    assert QUANTITIES["engine_difference"](entry) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="zip"):
        QUANTITIES["engine_difference"](layer(engine_check={"found": [1.0], "double_backward": [1.0, 2.0]}))


def test_relative_errors_leave_out_what_no_fit_uses():
    entry = layer(curvature_standard_errors=[0.5 * h for h in LAYERS[2]["curvatures"]])
    entry["curvature_standard_errors"][3] *= 2
    assert QUANTITIES["largest_relative_error"](entry) == pytest.approx(1.0)
    assert QUANTITIES["median_relative_error"](entry) == pytest.approx(0.5)
    entry["is_null"] = [i == 3 for i in range(8)]
    assert QUANTITIES["largest_relative_error"](entry) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["engine_difference", "largest_relative_error", "stored_slope_difference"])
def test_nan_among_values_makes_nan(name):
    entry = layer()
    entry["engine_check"] = {"found": [math.nan, 0.5], "double_backward": [1.0, 0.4]}
    entry["curvature_standard_errors"][2] = math.nan
    entry["alpha_slopes"]["empirical"]["rho_d"] = math.nan
    assert math.isnan(QUANTITIES[name](entry))


def test_lists_of_different_lengths_are_refused():
    for name in ("largest_relative_error", "median_relative_error"):
        with pytest.raises(ValueError, match="zip"):
            QUANTITIES[name](layer(curvature_standard_errors=[0.1] * 7))


def balanced(depth: int, eigenvalues: list[float], singular_values: tuple[float, ...] = (1.0, 1.0, 0.0)) -> dict:
    """A record of a rank-two map from three to four dimensions: r^2 = 4 dominant, r(d_in + d_out - 2r) = 6 bulk."""
    config = {"depth": depth, "d_in": 3, "d_out": 4, "null_threshold": 0.01, "teacher": {"singular_values": [1.0, 1.0]}}
    measurements = {
        "snapshots": [{"eigenvalues": [9.0] * len(eigenvalues)}, {"eigenvalues": eigenvalues}],
        "product_singular_values": list(singular_values),
    }
    return {"measurements": measurements, "provenance": {"config": config}}


@pytest.mark.parametrize("depth", [2, 3, 7])
def test_clusters_of_a_balanced_minimum_are_the_closed_form_s(depth):
    record = balanced(depth, [float(depth)] * 4 + [1.0] * 6 + [0.0] * 5)
    found = {name: compute(record) for name, compute in SPECTRUM_QUANTITIES.items()}
    assert found == pytest.approx(
        {
            "cluster_ratio": depth,
            "cluster_ratio_minus_depth": 0,
            "n_dominant_found": 4,
            "n_bulk_found": 6,
            "gap_margin": depth,
            "closed_form_difference": 0,
        }
    )


def test_clusters_that_are_not_the_predicted_ones():
    record = balanced(3, [6.0, 5.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.03, 0.0])
    found = {name: compute(record) for name, compute in SPECTRUM_QUANTITIES.items()}
    assert found["cluster_ratio"] == pytest.approx((13 / 4) / (3.5 / 6))
    # 0.03 is under a hundredth of the top and null; the widest gaps of what is left are 5 and 2
    assert (found["n_dominant_found"], found["n_bulk_found"]) == (2, 8)
    assert found["gap_margin"] == pytest.approx(2.5)
    assert found["closed_form_difference"] == pytest.approx(1.0)  # |6 - 3| over 3


def test_the_closed_form_takes_the_singular_values_that_were_reached():
    # L = 2: one eigenvalue s_a + s_b for each of 4 outputs a and 3 inputs b, s = 2, 1 and zeros.
    sums = [4.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    assert SPECTRUM_QUANTITIES["closed_form_difference"](balanced(2, sums, (2.0, 1.0, 0.0))) == pytest.approx(
        0, abs=1e-12
    )
    moved = [4.0, 3.0, 3.0, 2.5, *sums[4:]]
    assert SPECTRUM_QUANTITIES["closed_form_difference"](balanced(2, moved, (2.0, 1.0, 0.0))) == pytest.approx(0.125)


@pytest.mark.parametrize("name", sorted(SPECTRUM_QUANTITIES))
def test_spectra_are_read_as_the_reference_reads_them(name, root):
    for path in sorted((root / "results" / "depth_bifurcation").glob("L3_*_seed0.small.json")):
        record = json.loads(path.read_text())
        assert QUANTITIES[name](record) == pytest.approx(reference(name, record), rel=1e-8, abs=1e-9), path.name
