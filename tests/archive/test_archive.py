"""The archive of a clone: whole, checksummed, each record the result of one run, the same bytes twice."""

import hashlib
import json
import shutil
import subprocess
import zipfile

import pytest

from layercurv.archive.contents import BUILT, read_contents
from layercurv.archive.pack import pack, write_crate
from layercurv.errors import InputError
from layercurv.figures import alpha_map_depth
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an archive is made from a git checkout")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive") / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(folder)], check=True)
    for name in BUILT:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    return folder


@pytest.fixture(scope="module")
def crate(clone):
    write_crate(clone, clone / "build" / "crate")
    return clone / "build" / "crate"


@pytest.fixture(scope="module")
def entities(crate):
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({entity["@id"] for entity in graph}) == len(graph)
    return {entity["@id"]: entity for entity in graph}


def ids(value) -> list[str]:
    return [item["@id"] for item in (value if isinstance(value, list) else [value])]


def runs(entities) -> list[dict]:
    return [entity for entity in entities.values() if entity["@type"] == "CreateAction"]


def test_every_tracked_file_is_packed_with_its_checksum_and_size(clone, crate, entities):
    listed = subprocess.run(["git", "-C", str(clone), "ls-files"], check=True, capture_output=True, text=True)
    expected = {*listed.stdout.splitlines(), *BUILT}
    assert set(ids(entities["./"]["hasPart"])) == expected
    for name in expected:
        data = (crate / name).read_bytes()
        assert data == (clone / name).read_bytes()
        assert entities[name]["sha256"] == hashlib.sha256(data).hexdigest()
        assert int(entities[name]["contentSize"]) == len(data)


def test_every_record_is_the_result_of_one_run_of_a_packed_script_at_its_commit(crate, entities):
    records = [name for name in entities if name.startswith("results/") and name.endswith(".json")]
    assert len(records) > 100
    made = {result: run for run in runs(entities) for result in ids(run["result"])}
    for name in records:
        run, provenance = made[name], json.loads((crate / name).read_text())["provenance"]
        assert run["softwareVersion"] == provenance["code"]["commit"]
        assert run["endTime"] == provenance["finished_utc"]
        (script,) = ids(run["instrument"])
        assert (crate / script).is_file() and "SoftwareSourceCode" in entities[script]["@type"]
    results = [result for run in runs(entities) for result in ids(run["result"])]
    assert len(set(results)) == len(results)


def test_a_run_names_its_command_and_data(entities):
    run = entities["#run-depth_bifurcation/L3_relu_seed0.small"]
    assert run["description"].startswith("python -m experiments.depth_bifurcation depth=3 case=relu")
    assert ids(run["object"]) == ["#data-gaussian_white"]
    assert "softwareVersion" in entities["#run-bench/curvature"]


def test_a_figure_names_the_records_it_draws(entities):
    run = entities["#run-figure-alpha_map_depth"]
    assert ids(run["object"]) == [f"results/{name}" for name in alpha_map_depth.RECORDS]


def test_every_reference_leads_somewhere(entities):
    for entity in entities.values():
        for value in entity.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict) and not item["@id"].startswith("http"):
                    assert item["@id"] in entities, (entity["@id"], item)


def test_packing_twice_gives_the_same_bytes(clone, crate, tmp_path):
    pack(crate, tmp_path / "a" / "x.zip")
    write_crate(clone, tmp_path / "again")
    pack(tmp_path / "again", tmp_path / "b" / "x.zip")
    assert (tmp_path / "a" / "x.zip").read_bytes() == (tmp_path / "b" / "x.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "a" / "x.zip").namelist()
    assert "x/ro-crate-metadata.json" in names and "x/README.md" in names


def test_what_cannot_be_archived_is_told(clone, tmp_path):
    with pytest.raises(InputError, match="expected a git checkout"):
        read_contents(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(clone, copy)
    (copy / "build" / "report.html").unlink()
    with pytest.raises(InputError, match=r"report.html: expected a built file, found none; run `make report`"):
        read_contents(copy)
    (copy / "README.md").write_text("other")
    with pytest.raises(InputError, match=r"got 1 changed \(M README.md\); commit first"):
        read_contents(copy)
