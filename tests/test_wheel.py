"""The wheels hold all that is needed outside the repository: they are built, unpacked elsewhere, and used there."""

import contextlib
import os
import subprocess
import sys
import tomllib
import zipfile

import pytest

hatchling = pytest.importorskip("hatchling.build")

USE = """
import sys, layercurv
from pathlib import Path
assert Path(layercurv.__file__).is_relative_to(Path.cwd()), layercurv.__file__
import torch
from torch import nn
from layercurv.measure import AlphaMap, alpha_map
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
found = alpha_map(model, nn.CrossEntropyLoss(), [(torch.randn(32, 6), torch.randint(4, (32,)))], top_k=4)
assert AlphaMap.load(found.save("map.json")) == found
"""
GATE = """
import sys
sys.modules["layercurv"] = sys.modules["torch"] = sys.modules["matplotlib"] = sys.modules["rich"] = None
from pathlib import Path
import claimgate
assert Path(claimgate.__file__).is_relative_to(Path.cwd()), claimgate.__file__
from claimgate.command import main
for kind in ("markdown", "typst"):
    assert main(["init", kind, "--paper", kind]) == 0
    assert main(["check", "--root", kind]) == 0
    assert main(["coverage", "--root", kind]) == 0
"""
DATA = ("papers/claimgate.typ", "papers/claimgate.sty", "scaffold/common/claims/accuracy.toml")


def build(source, folder):
    with contextlib.chdir(source):
        name = hatchling.build_wheel(str(folder))
    with zipfile.ZipFile(folder / name) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def unpacked(root, tmp_path_factory):
    return build(root, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def gate(root, tmp_path_factory):
    return build(root / "claimgate", tmp_path_factory.mktemp("gate"))


def run(code, folder):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=environment)


def test_the_wheel_works_outside_the_repository(unpacked):
    done = run(USE, unpacked)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_types_schemas_the_gate_and_the_commands(unpacked, root):
    package = unpacked / "layercurv"
    assert (package / "py.typed").is_file()
    schemas = {path.name for path in (root / "layercurv" / "results" / "schemas" / "v1").iterdir()}
    assert {path.name for path in (package / "results" / "schemas" / "v1").iterdir()} == schemas
    (metadata,) = unpacked.glob("layercurv-*.dist-info")
    commands = (metadata / "entry_points.txt").read_text().replace(" ", "")
    assert "layercurv=layercurv.cli.main:main" in commands and "claimgate=claimgate.__main__:run" in commands
    assert {path.name for path in unpacked.iterdir() if path.is_dir()} == {"claimgate", "layercurv", metadata.name}
    assert all((unpacked / "claimgate" / name).is_file() for name in DATA)


def test_the_gate_alone_works_without_the_rest_of_the_repository(gate):
    done = run(GATE, gate)
    assert done.returncode == 0, done.stderr + done.stdout


def test_the_gate_alone_holds_what_the_wheel_of_the_repository_holds(gate, unpacked):
    def files(site):
        return {str(path.relative_to(site)) for path in (site / "claimgate").rglob("*") if path.suffix != ".pyc"}

    assert files(gate) == files(unpacked) and "claimgate/pyproject.toml" not in files(gate)


def test_the_gate_asks_for_nothing_that_the_light_core_does_not(root):
    asked = [
        tomllib.loads((root / name).read_text())["project"] for name in ("pyproject.toml", "claimgate/pyproject.toml")
    ]
    light, alone = (set(project["dependencies"]) for project in asked)
    assert alone <= light and asked[0]["version"] == asked[1]["version"]
