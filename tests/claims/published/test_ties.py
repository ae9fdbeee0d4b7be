"""A value exactly between two printed ones: the even digit, or the rule that the row names."""

import pytest

from claimgate.published.evidence import agrees
from claimgate.published.load import load_rows
from layercurv.claims.house import project
from tests.claims.published.planted import audit, build_audit, reading, row, write_rows
from tests.claims.published.test_audit import EXACT


@pytest.mark.parametrize(
    ("stated", "value", "ties", "holds"),
    [
        (["1.50", "1.74"], 1.745, "even", True),
        (["1.50", "1.75"], 1.755, "even", False),
        (["1.50", "1.75"], 1.755, "towards zero", True),
        (["1.75", "2.00"], 1.745, "even", False),
        (["1.75", "2.00"], 1.745, "away from zero", True),
        (["1.74", "2.00"], 1.735, "even", True),
        (["-1.75", "0.00"], -1.755, "even", False),
    ],
)
def test_a_value_between_two_belongs_to_a_range_of_one_only(tmp_path, stated, value, ties, holds):
    (tmp_path / "claims").mkdir()
    write_rows(tmp_path, row(check="inside", stated=stated, ties=ties, reading=[reading(reduce="extent")]))
    (parsed,) = load_rows(tmp_path / "claims" / "published.toml", project())
    assert agrees(parsed, (value,)) is holds


def test_a_row_that_names_a_rule_for_ties_has_one_and_keeps_to_what_was_frozen(tmp_path, capsys):
    house = build_audit(tmp_path, row(stated="1.7", ties="towards zero", reading=[EXACT]))
    assert audit(house) == 0
    write_rows(house, row(stated="1.7", reading=[EXACT]))
    capsys.readouterr()
    assert audit(house) == 1 and "ties: frozen 'towards zero', now 'even'" in capsys.readouterr().out


def test_a_rule_for_ties_where_there_is_none_fails(tmp_path, capsys):
    house = build_audit(tmp_path, row(stated="1.75", ties="away from zero", reading=[EXACT]))
    assert audit(house) == 1 and "no reading lies between two printed values" in capsys.readouterr().out
