import os
from decimal import Decimal

import pytest

from claimgate import closed_toml
from claimgate.closed_toml import decimal_number, filled_table, id_lines, read_toml
from layercurv.errors import InputError, shown


def test_a_file_is_read_up_to_a_size(tmp_path, monkeypatch):
    path = tmp_path / "a.toml"
    path.write_text("a = 1\n")
    assert read_toml(path) == {"a": 1}
    monkeypatch.setattr(closed_toml, "MAX_BYTES", 6)
    assert read_toml(path) == {"a": 1}
    monkeypatch.setattr(closed_toml, "MAX_BYTES", 5)
    with pytest.raises(InputError, match="expected a regular file of at most 5 bytes"):
        read_toml(path)


@pytest.mark.parametrize("content", [b"a = ", b"\xff = 1", b"a = 1\na = 2", b"a = " + b"[" * 3000])
def test_what_is_no_toml_is_refused(tmp_path, content):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.toml: expected a TOML file, got one that does not parse"):
        read_toml(path)


def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "pipe.toml"):
        with pytest.raises(InputError, match="expected a regular file"):
            read_toml(path)


def test_a_table_is_checked_and_filled():
    filled = filled_table({"a": "x"}, {"a"}, {"b": 1}, {"a", "b"})
    assert filled == {"a": "x", "b": 1}
    assert filled_table({"a": "x", "b": "y"}, {"a"}, {"b": 1}, {"b"})["b"] == "y"
    for table, message in (
        ({}, "key 'a' is missing"),
        ({"a": "x", "c": 1}, "unknown key 'c'; expected: a, b"),
        ({"a": ""}, "expected a to be a text that is not empty, got ''"),
        ({"a": 1}, "expected a to be a text that is not empty, got 1"),
        ([], r"expected a table with the keys a, got \[\]"),
    ):
        with pytest.raises(InputError, match=message):
            filled_table(table, {"a"}, {"b": 1}, {"a"})


@pytest.mark.parametrize("text", ["0.90", "-1.5e-6", "93", "1e300", "1e-300", "0"])
def test_ordinary_decimals_are_read(text):
    assert decimal_number(text) == Decimal(text)


@pytest.mark.parametrize("text", ["x", "", "NaN", "Infinity", "1e301", "1e-301", "9" * 41, "1e99999999999"])
def test_other_numbers_are_refused(text):
    with pytest.raises(InputError, match=r"expected a (finite|decimal) number"):
        decimal_number(text)


def test_the_lines_of_ids_are_found_or_none(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('[[x]]\n  id = "a"\n[[x]]\nid="b"\nidea = 1\n')
    assert id_lines(path.read_text(), 2) == [2, 4]
    assert id_lines(path.read_text(), 3) == [0, 0, 0]


def test_whatever_is_quoted_stays_short_printable_and_on_one_line():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert shown(deep) == "a list nested too deeply to show"
    assert shown(10**5000) == "a int too long to show"
    assert shown("a\nb\x1b") == r"'a\nb\x1b'"
    assert len(shown("x" * 1000)) == 100 and shown("x" * 1000).endswith("...")
    assert shown("é") == r"'\xe9'" and shown("x" * 98) == f"'{'x' * 98}'"
    assert shown("abcdef", 6) == "'ab..."
