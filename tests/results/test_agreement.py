"""What a record says twice must agree; each pair is broken once, consistently sealed, in one of our own records."""

import copy
import json
import math

import pytest

from claimgate.bulk_schema import all_meet, is_finite
from claimgate.history import history_disagreements
from layercurv.results.agreement import data_disagreements, disagreements, sibling_disagreements
from layercurv.results.provenance import fingerprint
from layercurv.results.schema import schema_for, violations

NAME = "sampling_noise/vgg11_cifar10_B512_epoch1_seed0.small.json"


@pytest.fixture(scope="module")
def original(root):
    return json.loads((root / "results" / NAME).read_text())


def fingerprinted(record):
    record["provenance"]["config_sha256"] = fingerprint(record["provenance"]["config"])


CHANGES = {
    "variant": lambda r: r.update(variant="vgg11_cifar10_B512_epoch1_seed1"),
    "scale": lambda r: r.update(scale="paper"),
    "experiment": lambda r: r.update(experiment="noise_prediction"),
    "schema": lambda r: r.update(schema="v1/noise_prediction"),
    "seed": lambda r: r["provenance"].update(seed=1),
    "seed of config": lambda r: r["provenance"]["config"].update(seed=1),
    "both seeds": lambda r: (r["provenance"].update(seed=1), r["provenance"]["config"].update(seed=1)),
    "batch": lambda r: r["provenance"]["config"]["curvature"].update(n_samples=64),
    "batch measured": lambda r: r["measurements"].update(n_samples=64),
    "depth": lambda r: r["provenance"]["config"]["model"].update(depth=16),
    "network": lambda r: r["provenance"]["config"]["model"].update(_target_="layercurv.models.mlp"),
    "epoch": lambda r: r["provenance"]["config"]["sampling"].update(epoch=0),
    "epochs": lambda r: r["provenance"]["config"]["training"].update(epochs=3),
    "draws": lambda r: r["provenance"]["config"]["sampling"]["n_draws"].update(sign_flips=17),
    "data of config": lambda r: r["provenance"]["config"]["data"].update(name="cifar100"),
    "data": lambda r: r["provenance"]["data"].update(name="cifar100"),
    "both data": lambda r: (
        r["provenance"]["data"].update(name="cifar100"),
        r["provenance"]["config"]["data"].update(name="cifar100"),
    ),
    "shards": lambda r: r["provenance"]["data"].update(shards_sha256={}),
    "device": lambda r: r["provenance"].update(device="cuda"),
    "gpu": lambda r: r["provenance"]["hardware"].update(gpu="H200"),
    "processor": lambda r: r["provenance"]["hardware"].update(cpu=""),
    "versions": lambda r: r["provenance"].update(versions={}),
    "torch": lambda r: r["provenance"]["versions"].update(torch=None),
    "dirty": lambda r: r["provenance"]["code"].update(dirty=True),
    "dirty unknown": lambda r: r["provenance"]["code"].update(dirty=None),
    "commit": lambda r: r["provenance"]["code"].update(commit=None),
    "reason": lambda r: r["provenance"]["code"].update(reason="said so"),
    "training commit": lambda r: r["provenance"].update(training_commits=["0" * 40 + "+changes"]),
    "year": lambda r: r["provenance"].update(finished_utc="1999-11-24T07:59:05+00:00"),
    "month": lambda r: r["provenance"].update(finished_utc="2026-13-24T07:59:05+00:00"),
    "time": lambda r: r["provenance"]["wall_s"].update(this_run=0),
    "override": lambda r: r["provenance"]["overrides"].__setitem__(0, "variant=other"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_facts_that_differ_are_found(original, change):
    record = copy.deepcopy(original)
    assert disagreements(record, NAME) == []
    CHANGES[change](record)
    fingerprinted(record)
    assert disagreements(record, NAME) != []


def test_a_stale_fingerprint_is_found(original):
    record = copy.deepcopy(original)
    record["provenance"]["config"]["training"]["batch_size"] = 1
    assert disagreements(record, NAME) == ["config_sha256 is not the fingerprint of config"]


def test_seeds_differ_by_the_seed_and_by_what_was_measured(original):
    other = copy.deepcopy(original)
    other["measurements"]["layers"][0]["pool_means"][0] += 1
    other["provenance"]["config"]["seed"] = 1
    assert sibling_disagreements({"a": original, "b": other}) == []
    other["provenance"]["config"]["training"]["batch_size"] = 1
    assert len(sibling_disagreements({"a": original, "b": other})) == 1
    assert len(sibling_disagreements({"a": original, "b": original})) == 1, "one seed in place of another"


def test_the_same_data_has_the_same_checksums(original):
    other = copy.deepcopy(original)
    assert data_disagreements({"a": original, "b": other}) == []
    other["provenance"]["data"]["pixels_sha256"]["train"] = "0" * 64
    assert len(data_disagreements({"a": original, "b": other})) == 1


def test_commits_are_looked_up_in_history(original):
    commits = [original["provenance"]["code"]["commit"], *original["provenance"]["training_commits"]]
    times = dict.fromkeys(commits, 0)
    assert history_disagreements(original, times) == []
    for commit in commits:
        assert history_disagreements(original, {one: 0 for one in commits if one != commit})
    assert history_disagreements(original, dict.fromkeys(commits, 4e9))


def test_all_records_of_ours_are_checked_in_bulk_and_agree(root):
    by_experiment = {}
    for path in sorted((root / "results").glob("*/*.json")):
        record = json.loads(path.read_text())
        by_experiment.setdefault(path.parent.name, []).append(record)
        assert disagreements(record, f"{path.parent.name}/{path.name}") == []
    for experiment, records in by_experiment.items():
        assert all_meet(records, schema_for(experiment)), experiment


def places(value, path=()):
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def test_the_bulk_check_never_accepts_what_the_validator_refuses(original):
    """Every place of a record, its value exchanged in eight ways; lists by their first item."""
    schema = schema_for("sampling_noise")
    record = copy.deepcopy(original)
    record["measurements"]["layers"] = record["measurements"]["layers"][:1]
    refused = 0
    for path, old in list(places(record)):
        if not path or any(isinstance(key, int) and key > 0 for key in path):
            continue
        parent = record
        for key in path[:-1]:
            parent = parent[key]
        for new in (None, True, -1, 0.5, "x", [], {}, "gone"):
            if new == "gone" and isinstance(parent, dict):
                del parent[path[-1]]
            else:
                parent[path[-1]] = new
            if all_meet([record], schema):
                assert not violations(record, "sampling_noise"), (path, new)
            else:
                refused += 1
            parent[path[-1]] = old
    assert refused > 500


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_found_wherever_it_stands(original, bad):
    schema = schema_for("sampling_noise")
    record = copy.deepcopy(original)
    record["measurements"]["layers"] = record["measurements"]["layers"][:1]
    assert all_meet([record], schema)
    for path, old in list(places(record)):
        if not isinstance(old, float) or any(isinstance(key, int) and key > 1 for key in path):
            continue
        parent = record
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = bad
        assert not all_meet([record], schema) and not is_finite(record), path
        parent[path[-1]] = old
