import numpy as np
import pytest

from experiments._comparisons import compare_accuracies


def records(**accuracies):
    return {
        ("scalar_preconditioner", f"{variant}_cifar10", "small"): [
            {"measurements": {"training": {"test_accuracy": value}}} for value in values
        ]
        for variant, values in accuracies.items()
    }


def compared(adam, direct):
    found = records(adam=adam, **{"direct_1.0": direct})
    return compare_accuracies(found, "small")


def test_equal_accuracies_with_little_scatter_are_equivalent():
    (entry,) = compared([0.9, 0.9001, 0.8999], [0.9, 0.9001, 0.8998])
    assert entry["equivalent"] and entry["holm_p"] == entry["p"] and entry["n"] == 3


def test_equal_means_with_much_scatter_are_not_shown_to_be_equivalent():
    (entry,) = compared([0.88, 0.90, 0.92], [0.88, 0.90, 0.92])
    assert entry["difference"] == pytest.approx(0) and not entry["equivalent"]


def test_one_seed_or_none_is_not_compared():
    assert compared([0.9], [0.9, 0.91]) == []
    assert compare_accuracies({}, "small") == []


def test_more_pairs_make_each_harder():
    rng = np.random.default_rng(0)
    draw = lambda: (0.9 + 2e-4 * rng.standard_normal(3)).tolist()  # ruff: ignore[lambda-assignment]
    found = records(adam=draw(), **{name: draw() for name in ("direct_0.5", "direct_1.0", "direct_1.5")})
    entries = compare_accuracies(found, "small")
    assert len(entries) == 3
    assert min(entry["holm_p"] for entry in entries) == pytest.approx(3 * min(entry["p"] for entry in entries))
