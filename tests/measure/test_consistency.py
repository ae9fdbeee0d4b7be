"""A saved map is what was saved: every value changed, every list shortened, one at a time."""

import copy
import json
import re

import pytest
import torch
from torch import nn

from layercurv.curvature import CrossEntropy
from layercurv.errors import InputError
from layercurv.measure import AlphaMap, alpha_map, consistency


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 6), nn.GELU(), nn.Linear(6, 5)).double().eval()
    batch = torch.randn(24, 8, dtype=torch.float64), torch.randint(5, (24,))
    path = tmp_path_factory.mktemp("map") / "map.json"
    alpha_map(model, CrossEntropy(), [batch], top_k=4).save(path)
    return json.loads(path.read_text())


def leaves(value, path=()):
    """Places of all values that are no containers, and of all lists and dictionaries."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in children:
        yield from leaves(part, (*path, key))


def changed(record, path):
    """The record with one value changed, one list shortened, or one key taken away."""
    other = copy.deepcopy(record)
    holder = other
    for key in path[:-1]:
        holder = holder[key]
    value = holder[path[-1]]
    if isinstance(value, dict):
        del holder[path[-1]]
    elif isinstance(value, list):
        holder[path[-1]] = value[:-1]
    elif isinstance(value, bool) or value is None:
        holder[path[-1]] = not value
    elif isinstance(value, str):
        holder[path[-1]] = value + "x"
    else:
        holder[path[-1]] = value + 1 if isinstance(value, int) else value * 1.001 + 1e-6
    return other


def is_loaded(record, path):
    path.write_text(json.dumps(record))
    try:
        AlphaMap.load(path)
    except InputError as error:
        assert str(path) in str(error)
        return False
    return True


def test_no_change_is_loaded(record, tmp_path):
    file = tmp_path / "map.json"
    assert is_loaded(record, file)
    places = [place for place in leaves(record) if place and place != ("provenance", "content_sha256")]
    assert len(places) > 200
    assert [place for place in places if is_loaded(changed(record, place), file)] == []


# What no other value decides: only the digest holds it.
FREE = re.compile(
    r"measurements/(n_samples|mean_loss)|provenance/.*|.*/(kind|engine|n_positions|name|layers)|.*/shape/\d|"
    r".*/(curvature_standard_errors|ggn_curvatures|alpha_bootstrap|alpha_slopes|kronecker|engine_check)(/.*)?|"
    r".*/(alpha_without_first|alpha_robust)|.*/missing/.*|measurements/layers/\d"
)


def test_a_deleted_digest_is_told(record, tmp_path):
    bare, file = copy.deepcopy(record), tmp_path / "map.json"
    del bare["provenance"]["content_sha256"]
    file.write_text(json.dumps(bare))
    with pytest.raises(InputError, match=r"provenance.content_sha256: expected [0-9a-f]{64}, .*got None"):
        AlphaMap.load(file)


def test_what_the_lists_decide_is_made_again_whatever_the_digest_says(record, tmp_path, monkeypatch):
    bare, file = copy.deepcopy(record), tmp_path / "map.json"
    monkeypatch.setattr(consistency, "digest", lambda measurements, provenance: "sealed again")
    bare["provenance"]["content_sha256"] = "sealed again"
    assert is_loaded(bare, file)
    held = [place for place in leaves(bare) if place and place[:3] != ("measurements", "layers", 0)]
    places = ["/".join(map(str, place)) for place in held if is_loaded(changed(bare, place), file)]
    assert [place for place in places if not FREE.fullmatch(place)] == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda layer: layer["curvatures"].pop(), r"layers\[1\].curvatures: expected 4 values, one per singular"),
        (lambda layer: layer["kronecker"]["A"]["rayleigh"].pop(), r"layers\[1\].kronecker.A.rayleigh: expected 4"),
        (lambda layer: layer["singular_values"].reverse(), r"layers\[1\].singular_values: expected descending values"),
        (lambda layer: layer.update(name="0"), r"layers\[1\].name: expected no name twice, got 0"),
        (lambda layer: layer["is_null"].__setitem__(3, True), r"layers\[1\].is_null: expected \[False, False"),
        (lambda layer: layer["fits"]["alpha"].update(slope=9.0), r"layers\[1\].fits.alpha.slope: expected .*, got 9"),
        (lambda layer: layer["fits"].update(n_negative=4), r"layers\[1\].fits.n_negative: expected \d, by the lists"),
        (lambda layer: layer["engine_check"]["found"].pop(), r"layers\[1\].engine_check: expected lists of one"),
        (lambda layer: layer["missing"].update(fits="why"), r"layers\[1\].missing: expected reasons for "),
    ],
)
def test_the_field_is_named(record, tmp_path, change, named):
    other, file = copy.deepcopy(record), tmp_path / "map.json"
    change(other["measurements"]["layers"][1])
    file.write_text(json.dumps(other))
    with pytest.raises(InputError, match=named):
        AlphaMap.load(file)


def test_other_order_of_keys_and_form_of_numbers_is_the_same(record, tmp_path):
    other = copy.deepcopy(record)
    other["measurements"]["n_samples"] = 24.0
    (tmp_path / "map.json").write_text(json.dumps(other, sort_keys=True))
    assert AlphaMap.load(tmp_path / "map.json").n_samples == 24
