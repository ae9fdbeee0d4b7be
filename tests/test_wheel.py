"""The wheel holds all that is needed outside the repository: it is built, unpacked elsewhere, and used there."""

import contextlib
import os
import subprocess
import sys
import zipfile

import pytest

flit = pytest.importorskip("flit_core.buildapi")

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


@pytest.fixture(scope="module")
def unpacked(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    with contextlib.chdir(root):
        name = flit.build_wheel(str(folder))
    with zipfile.ZipFile(folder / name) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_works_outside_the_repository(unpacked):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", USE]
    done = subprocess.run(command, cwd=unpacked, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_types_schemas_and_the_command(unpacked, root):
    package = unpacked / "layercurv"
    assert (package / "py.typed").is_file()
    schemas = {path.name for path in (root / "layercurv" / "results" / "schemas" / "v1").iterdir()}
    assert {path.name for path in (package / "results" / "schemas" / "v1").iterdir()} == schemas
    (metadata,) = unpacked.glob("layercurv-*.dist-info")
    assert "layercurv=layercurv.cli.main:main" in (metadata / "entry_points.txt").read_text().replace(" ", "")
    assert {path.name for path in unpacked.iterdir() if path.is_dir()} == {"layercurv", metadata.name}
