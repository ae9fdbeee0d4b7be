"""What README and pages tell people to type works as it stands."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec

import pytest
import torch

from layercurv.cli.main import _parser, main
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.M | re.S)


def blocks(path, *languages):
    return [text for language, text in BLOCK.findall(path.read_text()) if language in languages]


def shell_lines(path):
    for text in blocks(path, "console", "bash", "sh", ""):
        for line in text.splitlines():
            yield from [line.removeprefix("$ ").partition("  #")[0].strip()] if line.strip() else []


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "python")], ids=lambda path: path.stem)
def test_every_python_block_runs_as_it_stands(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = torch.get_rng_state()
    names: dict = {"__name__": path.stem}
    for number, block in enumerate(blocks(path, "python"), start=1):
        exec(compile(block, f"{path.name}, block {number}", "exec"), names)  # ruff: ignore[exec-builtin]
    torch.set_rng_state(state)


def commands():
    found = []
    for path in PAGES:
        if path.name == "gate.md":
            continue  # run as it stands, in `test_gate_page`
        found += [(path.name, line) for line in shell_lines(path)]
    return sorted(set(found))


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_exists(page, line):
    words = shlex.split(line, comments=True)
    words = words[1:] if re.fullmatch(r"[A-Z_]+=\S+", words[0]) else words
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
        assert words[1] in targets, line
    elif words[:2] == ["python", "-m"]:
        assert find_spec(words[2]), line
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file(), line
    elif words[:2] == ["layercurv", "measure"]:
        if "--help" not in words:
            _parser().parse_args(words[1:])
    elif words[:2] == ["pip", "install"]:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert set(re.findall(r"\[(\w+)\]", line)) <= set(extras), line
    else:
        assert words[0] in ("source", "export"), f"{page}: what is {line!r}?"


def test_the_site_lists_every_page():
    index = (ROOT / "docs" / "index.md").read_text()
    listed = {name for tree in re.findall(r"```\{toctree\}(.*?)```", index, flags=re.S) for name in tree.split()}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"} <= listed


def test_the_options_named_on_the_page_of_the_command_are_all_there(capsys):
    with pytest.raises(SystemExit):
        main(["measure", "--help"])
    known = set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z][a-z-]*", (ROOT / "docs" / "command.md").read_text())) <= known


@pytest.mark.parametrize("script", sorted((ROOT / "docs" / "tutorials").glob("*.py")), ids=lambda path: path.stem)
def test_a_tutorial_draws_its_picture(script, tmp_path):
    picture = tmp_path / "picture.png"
    command = [sys.executable, str(script), str(picture)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
