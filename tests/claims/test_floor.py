"""Nothing that was checked once goes unchecked unnoticed."""

import pytest

from tests.claims.house import KINDS, MEDIAN, claim_text, gate, write_claims, write_floor


def test_a_lost_claim_exits_3(house, capsys):
    write_claims(house, claim_text(stated=MEDIAN), claim_text(id="test.second", stated=MEDIAN))
    assert gate(house, "--raise-floor") == 0
    assert gate(house) == 0
    write_claims(house, claim_text(stated=MEDIAN))
    assert gate(house) == 3
    assert "1 found, there were at least 2" in " ".join(capsys.readouterr().out.split())


def test_a_new_waiver_exits_3(house):
    write_floor(house, claims=1, claims_without_waiver=1)
    assert gate(house) == 0
    write_claims(house, claim_text(stated=MEDIAN, tolerance="0.1"))
    assert gate(house) == 3


def test_raising_never_lowers(house, capsys):
    write_floor(house, claims=5)
    assert gate(house, "--raise-floor") == 0
    assert "claims: 5 -> 5 (now 1)" in capsys.readouterr().out
    assert gate(house) == 3


def test_raising_writes_what_there_is(house, capsys):
    (house / "claims" / "floor.toml").unlink()
    assert gate(house, "--raise-floor") == 0
    assert capsys.readouterr().out.startswith("claims: none -> 1 (now 1)\nclaims_without_waiver: none -> 1 (now 1)\n")
    text = (house / "claims" / "floor.toml").read_text()
    assert text.startswith("# The least") and "\nclaims = 1\nclaims_without_waiver = 1\npublished_rows = 0\n" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "expected the least number of claims, found none; write it with --raise-floor"),
        ("", "expected claims, claims_without_waiver"),
        ("claims = 1", "unknown or missing: ['bound_texts_of_documents', 'claims_without_waiver'"),
        ("".join(f"{kind} = 0\n" for kind in (*KINDS, "papers")), "unknown or missing: ['papers']"),
        ("claims = -1", "expected 'claims' to be a count, got -1"),
        ("claims = true", "expected 'claims' to be a count, got True"),
        ("claims = 1.5", "expected 'claims' to be a count, got 1.5"),
        ("claims = [", "does not parse"),
    ],
)
def test_a_malformed_floor_exits_2(house, capsys, text, message):
    path = house / "claims" / "floor.toml"
    path.unlink() if text is None else path.write_text(text)
    assert gate(house) == 2
    error = capsys.readouterr().err
    assert message in error and "floor.toml" in error
