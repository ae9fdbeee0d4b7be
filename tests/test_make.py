"""`make all` cannot be stale: what is deleted or replaced is made again, or it fails."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layercurv.figures.registry import FIGURES

RECORD = "results/alpha_map/mlp_cifar10_seed0.small.json"
OTHER_RECORD = "results/alpha_map/mlp_cifar10_seed1.small.json"
PDF, PNG, PAPER = "figures/alpha_map_depth.pdf", "figures/alpha_map_depth.png", "paper/layercurv.pdf"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(root, python, tmp_path_factory) -> Path:
    """A copy of what git tracks, built once, with an installer that has nothing to do."""
    house = tmp_path_factory.mktemp("with space") / "hüs"
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=root, text=True).rstrip("\0").split("\0")
    for name in tracked:
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, house / name)
    interpreter = house / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(f'#!/bin/sh\n[ "$1 $2" = "-m pip" ] || exec "{python}" "$@"\n')
    interpreter.chmod(0o755)
    done = make_all(house)
    assert done.returncode == 0, done.stdout + done.stderr
    return house


def make_all(house: Path) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", "all"], cwd=house, env=environment, capture_output=True, text=True)


def test_nothing_is_drawn_where_nothing_changed_and_the_files_stay_the_committed_ones(house, root):
    done = make_all(house)
    assert done.returncode == 0
    assert "all figures are drawn already" in done.stdout
    assert "coverage" in done.stdout
    assert "exit 0" in done.stdout
    for path in [*(house / "figures").iterdir(), house / PAPER, house / "paper" / "values.tex"]:
        assert path.read_bytes() == (root / path.relative_to(house)).read_bytes(), path.name


def test_files_that_are_made_come_back(house):
    before = {name: (house / name).read_bytes() for name in (PAPER, PDF, PNG)}
    (house / PAPER).unlink()
    (house / PDF).unlink()
    (house / PNG).write_bytes(b"no picture")
    done = make_all(house)
    assert done.returncode == 0
    assert done.stdout.count("wrote figures/") == 2
    assert before == {name: (house / name).read_bytes() for name in before}


@pytest.mark.parametrize(
    "name",
    [
        RECORD,
        "results/SHA256SUMS",
        "claims/alpha_map.toml",
        "claims/numerals.toml",
        "claims/published.toml",
        "claims/floor.toml",
    ],
)
def test_what_is_given_must_be_there(house, name):
    kept = house / "kept"
    shutil.move(house / name, kept)
    try:
        assert make_all(house).returncode != 0
    finally:
        shutil.move(kept, house / name)


def test_an_older_record_in_place_of_another_is_seen(house):
    kept = (house / RECORD).read_bytes()
    shutil.copy(house / OTHER_RECORD, house / RECORD)
    os.utime(house / RECORD, (0, 0))
    try:
        assert make_all(house).returncode != 0
    finally:
        (house / RECORD).write_bytes(kept)


def test_a_changed_figure_module_draws_again_and_no_other_date_does(house):
    assert make_all(house).returncode == 0
    for path in house.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)
    assert "all figures are drawn already" in make_all(house).stdout
    module = house / "layercurv" / "figures" / "alpha_map_depth.py"
    module.write_text(module.read_text() + "# the same drawing\n")
    os.utime(module, (0, 0))
    assert make_all(house).stdout.count("wrote figures/") == 2 * len(FIGURES)
