"""The page on the gate: its commands, copied into a fresh folder, do what it says."""

import os
import re
import subprocess
import sys
import tomllib

from claimgate.checks import CHECKS, COMPARISONS
from claimgate.command import _parser
from claimgate.load import load_claims
from claimgate.project import Project
from claimgate.record_formats import READERS
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "gate.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def test_its_commands_work_in_a_fresh_folder(tmp_path):
    commands = tmp_path / "commands"
    commands.mkdir()
    shims = {
        "claimgate": f'exec "{sys.executable}" -m claimgate "$@"',
        "pip": 'test "$*" = "install ./claimgate"',  # what it installs is tried in `test_wheel`
    }
    for name, line in shims.items():
        (commands / name).write_text(f"#!/bin/sh\n{line}\n")
        (commands / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    script = "set -e\n" + "\n".join(blocks("bash"))
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exit code 1" in done.stdout and "changes: 1 pass; exit 0" in done.stdout
    assert (tmp_path / "my-paper" / "build" / "report.html").is_file()


def test_its_claim_and_its_settings_are_what_is_read(tmp_path):
    claim, settings = blocks("toml")
    (tmp_path / "net.toml").write_text(claim)
    (found,) = load_claims(tmp_path, Project())
    assert found.stated == "91.2" and len(found.records) == 3
    assert set(tomllib.loads(settings)) <= {"module", "packages", "names"}


def test_it_names_what_there_is():
    for word in (*CHECKS, *COMPARISONS, *(f".{name}" for name in ("npy", "npz"))):
        assert f"`{word}`" in PAGE, word
    assert all(name.lower() in PAGE.lower() for name in READERS)
    known = {word for action in _parser()._subparsers._group_actions for word in action.choices}
    assert set(re.findall(r"claimgate ([a-z]+)", PAGE)) <= known | {"does", "and"}
    assert all(f"claimgate {name}" in PAGE for name in known)
