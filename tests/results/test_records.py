import copy
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claimgate import strict_json
from layercurv.errors import InputError
from layercurv.results import schema
from layercurv.results.manifest import NAME, freeze, read_manifest
from layercurv.results.provenance import fingerprint, git_state
from layercurv.results.store import RecordName, read_record, write_record
from tests.records import smoke_record

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_json_round_trip_keeps_every_value(value):
    assert strict_json.loads(strict_json.dumps(value), "test") == value


def test_lists_of_numbers_stand_on_one_line():
    assert '"a": [1, 2.5, null]' in strict_json.dumps({"a": [1, 2.5, None], "b": ["x\n[", {"c": []}]})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_never_written(value):
    with pytest.raises(InputError, match="finite numbers only"):
        strict_json.dumps({"a": [1.0, value]})


@pytest.mark.parametrize("text", ["", "{", '{"a": 1, "a": 2}', "[1,]", "[" * 100_000])
def test_what_is_not_json_is_refused_with_the_file_name(text):
    with pytest.raises(InputError, match=r"file\.json"):
        strict_json.loads(text, "file.json")


def write(folder, name="net_seed0", changed=None, **options):
    record = smoke_record()
    measurements = record["measurements"] | (changed or {})
    return write_record(folder, RecordName("alpha_map", name, "smoke"), measurements, record["provenance"], **options)


def test_a_record_is_written_once(tmp_path):
    path = write(tmp_path)
    before = path.read_bytes()
    assert path == tmp_path / "alpha_map" / "net_seed0.smoke.json"
    assert write(tmp_path) == path  # another writer, who found the same
    changed = {"n_samples": smoke_record()["measurements"]["n_samples"] + 1}
    with pytest.raises(InputError, match=r"another one \(measurements differ\) and is kept; overwrite=true"):
        write(tmp_path, changed=changed)
    assert path.read_bytes() == before
    write(tmp_path, changed=changed, overwrite=True)
    assert path.read_bytes() != before
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no temporary file is left


def test_an_invalid_record_is_not_written(tmp_path):
    record = smoke_record()
    del record["measurements"]["layers"][3]["fits"]["alpha"]["r2"]
    with pytest.raises(InputError, match=r"layers\[3\]\.fits\.alpha: 'r2' is a required property"):
        write_record(tmp_path, RecordName("alpha_map", "x", "smoke"), record["measurements"], record["provenance"])
    assert not list(tmp_path.rglob("*.json"))


def test_schema_refuses_unknown_keys_and_wrong_types():
    for change in ({"extra": 1}, {"n_samples": "many"}, {"layers": []}):
        record = copy.deepcopy(smoke_record())
        record["measurements"] |= change
        assert schema.violations(record, "alpha_map"), change
    assert not schema.violations(smoke_record(), "alpha_map")


@pytest.mark.parametrize(
    "words", [("../x", "a", "small"), ("a", "b/c", "small"), ("a", "..", "small"), ("a", "b", "tiny")]
)
def test_record_names_cannot_leave_the_folder(words):
    with pytest.raises(InputError):
        RecordName(*words)


def test_reading_a_missing_record_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.json"):
        read_record(tmp_path / "none.json")


def test_freeze_says_what_changed_and_leaves_smoke_runs_out(tmp_path):
    for name in ("a.small.json", "b.small.json", "c.smoke.json"):
        (tmp_path / "alpha_map").mkdir(exist_ok=True)
        (tmp_path / "alpha_map" / name).write_text("{}")
    assert freeze(tmp_path) == ["added   alpha_map/a.small.json", "added   alpha_map/b.small.json"]
    assert freeze(tmp_path) == []
    (tmp_path / "alpha_map" / "a.small.json").write_text("[]")
    (tmp_path / "alpha_map" / "b.small.json").unlink()
    assert freeze(tmp_path) == ["changed alpha_map/a.small.json", "removed alpha_map/b.small.json"]
    assert list(read_manifest(tmp_path)) == ["alpha_map/a.small.json"]


@pytest.mark.parametrize("text", ["nonsense\n", "0" * 64 + "  a\n" + "0" * 64 + "  a\n"])
def test_a_malformed_manifest_is_refused_with_its_line(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(InputError, match=rf"{NAME}:\d"):
        read_manifest(tmp_path)


def test_fingerprint_ignores_key_order_and_sees_every_value():
    assert fingerprint({"a": 1, "b": {"c": 2}}) == fingerprint({"b": {"c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 1.5})


def test_outside_a_checkout_the_commit_is_null_with_a_reason(tmp_path):
    state = git_state(tmp_path)
    assert state["commit"] is None and state["dirty"] is None and "not a git checkout" in state["reason"]


def test_every_schema_is_itself_valid(root):
    from jsonschema import Draft202012Validator

    for path in (root / "layercurv" / "results" / "schemas").rglob("*.json"):
        Draft202012Validator.check_schema(json.loads(path.read_text()))


JSON_TEXTS = st.text(alphabet='{}[]":,\\/u0019.-+eEntrufalsNI \n\t\x00\x1f\x7f\u00e4\ud800', max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
)


def as_the_standard_library(text):
    def unique(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


@given(text=JSON_TEXTS | st.builds(json.dumps, VALUES) | st.builds(lambda v: json.dumps(v, ensure_ascii=False), VALUES))
@example(text='{"a": 1, "a": 1}')
@example(text='{"a": {"b": 1, "b": 1}, "c\\\\": 2}')
@example(text='{"a" : 1, "a":1}')
@example(text="123456789012345678901234567890")
@example(text="[1e400, -1e400, NaN]")
@example(text="[" * 5000 + "]" * 5000)
def test_what_is_read_is_what_the_standard_library_reads(text):
    """The fast parser accepts nothing else and changes no value, type or order."""
    try:
        expected = as_the_standard_library(text)
    except (AssertionError, ValueError, RecursionError):
        with pytest.raises(InputError, match="here: expected a JSON document"):
            strict_json.loads(text, "here")
    else:
        assert repr(strict_json.loads(text, "here")) == repr(expected)
