"""`--only` narrows what is judged, never what is guarded."""

import json

import pytest

from tests.claims.house import MEDIAN, RECORDS, change_record, claim_text, gate, write_claims, write_floor
from tests.claims.published.planted import build_audit, row


@pytest.fixture
def two(house):
    write_claims(house, claim_text(id="test.right", stated=MEDIAN), claim_text(id="test.wrong", stated="9.999"))
    return house


@pytest.mark.parametrize(
    ("pattern", "code", "n"),
    [
        ("test.right", 0, 1),
        ("test.wrong", 1, 1),
        ("test.*", 1, 2),
        ("nothing,test.r*", 0, 1),
        ("*.right , *.wrong", 1, 2),
    ],
)
def test_only_what_is_named_is_judged(two, capsys, pattern, code, n):
    assert gate(two, "--only", pattern, "--format", "json") == code
    assert len(json.loads(capsys.readouterr().out)["claims"]) == n


@pytest.mark.parametrize("pattern", ["nothing", "", "TEST.RIGHT"])
def test_a_pattern_that_names_nothing_exits_2(two, capsys, pattern):
    assert gate(two, "--only", pattern) == 2
    assert "no claim and no row has such an id" in capsys.readouterr().err


def test_files_and_floor_are_checked_all_the_same(two):
    change_record(two, lambda record: record["provenance"].update(seed=99))
    assert gate(two, "--only", "test.right") == 1
    write_floor(two, claims=3)
    assert gate(two, "--only", "test.right") == 3


def test_a_record_needed_by_another_claim_is_missed(two):
    lines = (two / "results" / "SHA256SUMS").read_text().splitlines()
    (two / "results" / "SHA256SUMS").write_text(lines[0] + "\n")
    write_claims(
        two,
        claim_text(id="test.right", select="measurements.n_samples", quantity=None, reduce="same", stated="64"),
        claim_text(id="test.other", stated=MEDIAN),
    )
    assert gate(two, "--only", "test.right") == 1
    assert RECORDS[1] not in lines[0]


def test_rows_of_the_audit_are_narrowed_too(tmp_path, capsys):
    house = build_audit(tmp_path, row(), row("C002"))
    capsys.readouterr()
    assert gate(house, "--only", "C00[2-9]", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["claims"] == {} and list(document["other"]["published"]) == ["C002"]
    assert list(document["other"]["replication"]) == ["C002.replication"] and list(document["audit"]) == ["C002"]
    assert gate(house, "--only", "test.*", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["claims"]) == 1 and "published" not in document["other"]
