"""Rows are closed: whatever is not exactly as expected is refused and named."""

import pytest

from claimgate.published.load import load_rows
from layercurv.claims.house import project
from layercurv.errors import InputError
from tests.claims.published.planted import as_toml, reading, row, write_rows

MEASURED = {"verdict": "replicated", "reason": "r", "variant": "alpha_map/net.small", "select": "x", "reduce": "mean"}


def part(**changes) -> list[dict]:
    return [{"file": "fits", "select": "layers", "quantity": "alpha"} | changes]


CASES = [
    ({"id": "X1"}, "expected an id like 'C001', got 'X1'"),
    ({"id": "C0001"}, "expected an id like"),
    ({"sentence": " "}, "expected sentence to be a text that is not empty"),
    ({"reason": None}, "key 'reason' is missing"),
    ({"colour": "red"}, "unknown key 'colour'; expected: absent, check, id"),
    ({"check": "roughly"}, "unknown check 'roughly'; expected one of: above, below, equals, inside"),
    (
        {"verdict": "true"},
        "unknown verdict 'true'; expected one of: ambiguous, contradicted",
    ),
    ({"unit": "kg"}, "expected unit '' or '%', got 'kg'"),
    ({"stated": "two"}, "expected a decimal number, got 'two'"),
    ({"stated": "NaN"}, "expected a finite number of ordinary size"),
    ({"stated": []}, "check 'equals' takes some stated numbers"),
    ({"stated": 1.75}, "expected stated to be a text or a list of texts, got 1.75"),
    ({"stated": ["1", " "]}, "expected stated to be"),
    ({"check": "inside"}, "check 'inside' takes 2 stated numbers"),
    ({"check": "inside", "stated": ["1", "2", "3"]}, "check 'inside' takes 2 stated numbers"),
    ({"check": "below", "stated": ["1", "2"]}, "check 'below' takes 1 stated numbers"),
    ({"check": "above", "stated": ["1", "2"]}, "check 'above' takes 1 stated numbers"),
    ({"verdict": "unsupported"}, "verdict 'unsupported' with 1 readings"),
    ({"reading": None}, "verdict 'supported' with 0 readings"),
    ({"absent": ["x"]}, "expected either readings, or `absent`"),
    ({"verdict": "unsupported", "reading": None}, "expected either readings, or `absent`"),
    ({"verdict": "unsupported", "reading": None, "absent": "x"}, "expected absent to be a text or a list"),
    ({"reading": "mean"}, "expected reading to be a list of tables, got 'mean'"),
    ({"reading": [reading(meaning=" ")]}, "expected meaning to be a text that is not empty"),
    ({"reading": [reading(reduce="mode")]}, "unknown reducer 'mode'"),
    ({"reading": [reading(stored_agrees="yes")]}, "expected stored_agrees to be true or false, got 'yes'"),
    ({"reading": [reading(**{"from": []})]}, "expected a reading to name at least one place in `from`"),
    ({"reading": [reading(**{"from": "fits"})]}, "expected from to be a list of tables, got 'fits'"),
    ({"reading": [reading(stored=["x"])]}, "expected stored to be a list of tables"),
    (
        {"reading": [reading(**{"from": part(file="../x")})]},
        "expected a file's short name or '*', got '../x'",
    ),
    ({"reading": [reading(**{"from": part(file="a/b")})]}, "expected a file's short name"),
    ({"reading": [reading(**{"from": part(select="[")})]}, "select is not a JMESPath expression"),
    ({"reading": [reading(**{"from": part(quantity="eval")})]}, "unknown quantity 'eval'"),
    ({"reading": [reading(**{"from": part(extra="x")})]}, "unknown key 'extra'; expected: file, quantity, select"),
    ({"rests_on": "noise"}, "unknown rests_on 'noise'"),
    ({"replication": "none"}, "expected a table with the keys reason, verdict, got 'none'"),
    ({"replication": {"verdict": "maybe", "reason": "r"}}, "unknown replication verdict 'maybe'"),
    ({"replication": {"verdict": "replicated", "reason": "r"}}, "to name variant, select and reduce"),
    ({"replication": MEASURED | {"verdict": "not_measured"}}, "takes verdict and reason only"),
    (
        {"replication": {"verdict": "not_measured", "reason": "r", "quantity": "alpha"}},
        "takes verdict and reason only",
    ),
    (
        {"replication": MEASURED | {"variant": "../x.small"}},
        "expected a variant like 'FOLDER/NAME.SCALE'",
    ),
    ({"replication": MEASURED | {"variant": "alpha_map/a..b.small"}}, "expected a variant like"),
    ({"replication": MEASURED | {"variant": "alpha_map/net.smoke"}}, "expected a variant like"),
    ({"replication": MEASURED | {"select": "["}}, "select is not a JMESPath expression"),
    ({"replication": MEASURED | {"reduce": "all"}}, "unknown reducer 'all'"),
    ({"replication": MEASURED | {"quantity": "chi_slope"}}, "unknown quantity 'chi_slope'"),
]
BAD_ROWS = [changes for changes, _ in CASES]


@pytest.mark.parametrize(("changes", "message"), CASES)
def test_a_malformed_row_is_refused_and_named(tmp_path, changes, message):
    (tmp_path / "claims").mkdir()
    write_rows(tmp_path, row(), row(**{"id": "C002"} | changes))
    with pytest.raises(InputError) as error:
        load_rows(tmp_path / "claims" / "published.toml", project())
    assert message in str(error.value)
    assert "published.toml, row 2" in str(error.value) and repr(changes.get("id", "C002")) in str(error.value)


def test_a_good_row_keeps_all_it_says(tmp_path):
    (tmp_path / "claims").mkdir()
    full = reading(stored=[{"file": "summary", "select": "mean_alpha"}], stored_agrees=False)
    write_rows(tmp_path, row(reading=[full], replication=MEASURED | {"quantity": "alpha"}, unit="%"), row("C002"))
    first, second = load_rows(tmp_path / "claims" / "published.toml", project())
    (read,) = first.readings
    assert (first.id, first.stated, first.unit, first.absent) == ("C001", ("1.75",), "%", ())
    assert (read.meaning, read.reduce, read.stored_agrees) == ("mean over the layers", "mean", False)
    assert (read.parts[0].file, read.parts[0].quantity, read.stored[0].quantity) == ("fits", "alpha", None)
    assert (first.replication.variant, first.replication.quantity) == ("alpha_map/net.small", "alpha")
    assert second.replication.variant is None
    assert second.unit == "" and second.readings[0].stored == () and second.readings[0].stored_agrees
    assert (first.line, second.line) == (2, 16) and first.file.endswith("published.toml")


def test_an_id_is_used_once(tmp_path):
    (tmp_path / "claims").mkdir()
    write_rows(tmp_path, row(), row())
    with pytest.raises(InputError, match="id C001 is used twice"):
        load_rows(tmp_path / "claims" / "published.toml", project())


@pytest.mark.parametrize("text", ["", "row = 1", "row = [1]", "other = 2", f"x = 1\n[[row]]\nid = {as_toml('C001')}"])
def test_a_file_of_anything_but_rows_is_refused(tmp_path, text):
    path = tmp_path / "published.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"expected at least one \[\[row\]\] table and nothing else"):
        load_rows(path, project())


@pytest.mark.parametrize("content", [b"[[row]", b"\xff", b"a = " + b"[" * 5000])
def test_what_does_not_parse_is_refused(tmp_path, content):
    path = tmp_path / "published.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match="does not parse"):
        load_rows(path, project())
