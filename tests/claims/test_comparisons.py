"""Two groups of records compared: a difference of means and its interval, and equivalence by two one-sided tests."""

import json

import pytest
from scipy import stats

from layercurv.results.manifest import freeze
from tests.claims.house import build_house, claim_text, gate, write_claims

FIRST, SECOND = (0.50, 0.52, 0.51), (0.505, 0.525, 0.530)
NAMES = [f"alpha_map/net_seed{seed}.small.json" for seed in range(6)]


@pytest.fixture
def six(tmp_path):
    house = build_house(tmp_path, n_seeds=6)
    for name, value in zip(NAMES, FIRST + SECOND, strict=True):
        path = house / "results" / name
        record = json.loads(path.read_text())
        record["measurements"]["training"]["test_accuracy"] = value
        path.write_text(json.dumps(record))
    freeze(house / "results")
    return house


def claim(stated: str, **changes) -> str:
    fields = {
        "select": "measurements.training.test_accuracy",
        "quantity": None,
        "within": "same",
        "records": NAMES[:3],
        "reference": NAMES[3:],
        "stated": stated,
        "reduce": "mean_difference",
    }
    return claim_text(**fields | changes)


@pytest.mark.parametrize(
    ("stated", "unit", "code"), [("-0.01", "", 0), ("-1.0", "points", 0), ("0.01", "", 1), ("-1.1", "%", 1)]
)
def test_a_difference_of_means(six, stated, unit, code):
    write_claims(six, claim(stated, unit=unit))
    assert gate(six) == code


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_the_interval_are_welchs(six, end):
    interval = stats.ttest_ind(FIRST, SECOND, equal_var=False).confidence_interval(0.95)
    points, reduce = 100 * getattr(interval, end), f"mean_difference_{end}"
    for shift, code in ((0, 0), (0.02, 1), (-0.02, 1)):
        write_claims(six, claim(f"{points + shift:.2f}", reduce=reduce, unit="points"))
        assert gate(six) == code
    write_claims(six, claim(f"{points:.2f}", reduce=reduce, unit="points", margin="1"))
    assert gate(six) == 2


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_the_paired_interval_are_students_of_the_differences(six, end):
    interval = stats.ttest_rel(FIRST, SECOND).confidence_interval(0.95)
    points = 100 * getattr(interval, end)
    fields = {"reduce": f"paired_difference_{end}", "unit": "points", "paired_on": "measurements.mean_loss"}
    for index, name in enumerate(NAMES):
        path = six / "results" / name
        record = json.loads(path.read_text())
        record["measurements"]["mean_loss"] = 1.0 + index % 3
        path.write_text(json.dumps(record))
    freeze(six / "results")
    for shift, code in ((0, 0), (0.02, 1), (-0.02, 1)):
        write_claims(six, claim(f"{points + shift:.2f}", **fields))
        assert gate(six) == code
    for broken, code in (
        ({"paired_on": None}, 2),
        ({"reduce": "mean_difference"}, 2),
        ({"reference": NAMES[3:5]}, 2),
        ({"paired_on": "provenance.seed"}, 3),  # these seeds are others
        ({"paired_on": "provenance.device"}, 3),  # tells no pair from another
        ({"reference": [NAMES[4], NAMES[3], NAMES[5]]}, 3),
    ):
        write_claims(six, claim(f"{points:.2f}", **fields | broken))
        assert gate(six) == code


@pytest.mark.parametrize("margin", [0.005, 0.03])
def test_equivalence_is_shown_by_two_one_sided_tests(six, margin):
    lower = stats.ttest_ind([x + margin for x in FIRST], SECOND, equal_var=False, alternative="greater").pvalue
    upper = stats.ttest_ind([x - margin for x in FIRST], SECOND, equal_var=False, alternative="less").pvalue
    p = max(lower, upper)
    write_claims(six, claim(f"{p:.4f}", reduce="equivalence_p", margin=str(margin)))
    assert gate(six) == 0
    write_claims(six, claim(f"{p:.4f}", reduce="equivalence_p", margin=str(100 * margin), unit="%"))
    assert gate(six) == 0  # the margin is in the claim's unit, a probability has none
    write_claims(six, claim(f"{p + 0.001:.4f}", reduce="equivalence_p", margin=str(margin)))
    assert gate(six) == 1


def test_the_reference_is_guarded_like_every_record(six):
    write_claims(six, claim("-0.01"))
    (six / "results" / NAMES[4]).unlink()
    assert gate(six) == 3


def test_what_does_not_scatter_has_no_test(six):
    for reduce, margin in (("mean_difference_low", None), ("equivalence_p", "0.01")):
        write_claims(six, claim("0.5", reduce=reduce, margin=margin, select="measurements.mean_loss"))
        assert gate(six) == 3


@pytest.mark.parametrize("bad", [None, "0.5", True, float("nan")])
def test_a_value_that_is_no_number_is_not_evaluable(six, bad):
    path = six / "results" / NAMES[3]
    record = json.loads(path.read_text())
    record["measurements"]["training"]["test_accuracy"] = bad
    path.write_text(json.dumps(record))
    for reduce, margin in (("mean_difference", None), ("mean_difference_high", None), ("equivalence_p", "0.01")):
        write_claims(six, claim("-0.01", reduce=reduce, margin=margin))
        assert gate(six) == 3
