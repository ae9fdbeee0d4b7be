"""The mutation tool itself: what it changes, what it notes as read, and that nothing run is a failure."""

import math

from tests.mutation.mutants import mutants
from tests.mutation.report import Report
from tests.mutation.traced import readers

DOCUMENT = {"a": [1.0, 2.0, 3.0], "b": {"c": "text", "d": True, "e": 4}, "unread": 5}


def test_no_mutant_and_any_survivor_fail():
    report = Report()
    assert report.exit_code == 1
    report.add("kind", "file", "one", exit_code=1)
    assert report.exit_code == 0
    report.add("kind", "file", "harmless", exit_code=0, matters=False)
    assert report.exit_code == 0 and report.summary == "killed 1 of 1 mutants"
    report.add("kind", "file", "two", exit_code=0)
    assert report.exit_code == 1 and "SURVIVED two" in report.text()


def test_a_kind_without_a_mutant_that_matters_fails():
    report = Report()
    report.add("one", "file", "a", exit_code=1)
    report.add("other", "file", "b", exit_code=0, matters=False)
    assert report.exit_code == 1


def test_every_way_changes_one_value_and_leaves_the_original():
    made = dict(mutants(DOCUMENT, ("a",), 1))
    assert [made[kind]["a"] for kind in ("x1.5", "sign", "deleted", "emptied", "swapped")] == [
        [1.0, 3.0, 3.0],
        [1.0, -2.0, 3.0],
        [1.0, 3.0],
        [],
        [1.0, 3.0, 2.0],
    ]
    assert math.isnan(made["NaN"]["a"][1])
    assert dict(mutants(DOCUMENT, ("b", "d"), 0))["flipped"]["b"]["d"] is False
    assert dict(mutants(DOCUMENT, ("b", "c"), 0))["renamed"]["b"]["c"] == "textx"
    assert "e" not in dict(mutants(DOCUMENT, ("b", "e"), 0))["deleted"]["b"]
    assert DOCUMENT["a"] == [1.0, 2.0, 3.0] and DOCUMENT["b"]["e"] == 4


def test_what_is_read_is_noted_for_each_reader():
    found = readers(
        ["first", "second"], lambda who, document: document["a"] if who == "first" else document["b"]["c"], DOCUMENT
    )
    assert found == {("a",): ["first"], ("b", "c"): ["second"]}
