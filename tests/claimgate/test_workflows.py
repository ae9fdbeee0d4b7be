"""Action, workflow and hooks, run as GitHub and pre-commit run them: each shell step in a fresh checkout."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from claimgate import init as scaffold
from claimgate.init import WORKFLOW, init

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "claimgate" / "action.yml").read_text())
INPUT = re.compile(r"\$\{\{\s*inputs\.([a-z-]+)\s*\}\}")
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b")


@pytest.fixture
def checkout(tmp_path):
    """A fresh checkout with a small paper in a folder of it, committed, and `origin/main` to compare with."""
    init(tmp_path / "repo" / "my paper", "markdown")
    git(tmp_path / "repo", "init", "-q", "-b", "main")
    commit(tmp_path / "repo")
    git(tmp_path / "repo", "update-ref", "refs/remotes/origin/main", "HEAD")
    return tmp_path / "repo"


def git(folder, *words):
    return subprocess.run(["git", "-C", str(folder), *IDENTITY, *words], check=True, capture_output=True, text=True)


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "change")


@pytest.fixture
def commands(tmp_path):
    """`python` and `claimgate` as an environment with the package has them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, line in {"python": '"$@"', "claimgate": '-m claimgate "$@"'}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {line}\n')
        (folder / name).chmod(0o755)
    return folder


def environment(commands, summary, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return kept | {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_ACTION_PATH": str(ROOT / "claimgate"),
        **more,
    }


def steps(document, event, inputs):
    """The shell steps that an event runs, and whether each runs after a failure too."""
    conditions = {
        None: True,
        "always()": True,
        "github.event_name == 'pull_request'": event == "pull_request",
        "inputs.coverage == 'true'": inputs.get("coverage") == "true",
    }
    for step in document:
        if "run" in step and conditions[step.get("if")] and step["name"] != "Install":
            assert "${{" not in step["run"], "what others write never becomes code"
            given = {
                name: INPUT.sub(lambda match: inputs[match[1]], text) for name, text in step.get("env", {}).items()
            }
            yield step["name"], step["run"], given, step.get("if") == "always()"


def run(document, folder, commands, event="push", **inputs):
    summary = commands.parent / "summary.md"
    summary.write_text("")
    failed, told = [], ""
    for name, script, given, always in steps(document, event, inputs):
        if failed and not always:
            continue
        env = environment(commands, summary, GITHUB_BASE_REF="main", **given)
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]  # as GitHub calls it
        done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
        told += done.stdout
        failed += [name] * bool(done.returncode)
    return failed, told, summary.read_text()


def action(checkout, commands, event="push", **inputs):
    defaults = {name: str(given["default"]) for name, given in ACTION["inputs"].items()}
    return run(ACTION["runs"]["steps"], checkout, commands, event, **defaults | {"root": "my paper"} | inputs)


def workflow(checkout, commands, event="push"):
    document = yaml.safe_load((checkout / "my paper" / WORKFLOW).read_text())
    return run(document["jobs"]["check"]["steps"], checkout / "my paper", commands, event)


RUNS = pytest.mark.parametrize("way", [action, workflow])


def test_inputs_of_the_action_are_declared_and_used():
    used = set(INPUT.findall((ROOT / "claimgate" / "action.yml").read_text()))
    conditions = set(re.findall(r"inputs\.([a-z-]+)", " ".join(str(s.get("if")) for s in ACTION["runs"]["steps"])))
    assert used | conditions == ACTION["inputs"].keys() and ACTION["runs"]["using"] == "composite"
    assert all(step.get("shell") == "bash" for step in ACTION["runs"]["steps"] if "run" in step)


@RUNS
@pytest.mark.parametrize("event", ["push", "pull_request"])
def test_a_paper_that_holds_passes_and_its_summary_says_so(way, event, checkout, commands):
    failed, told, summary = way(checkout, commands, event)
    assert failed == [] and "::error" not in told and "exit 0" in summary


@RUNS
def test_a_claim_that_does_not_hold_fails_and_is_annotated_on_its_line(way, checkout, commands):
    claims = checkout / "my paper" / "claims" / "accuracy.toml"
    claims.write_text(claims.read_text().replace('"91.2"', '"91.4"'))
    failed, told, summary = way(checkout, commands)
    line = claims.read_text()[: claims.read_text().index('accuracy.ours"')].count("\n") + 1
    (error,) = (text for text in told.splitlines() if text.startswith("::error") and "FAIL accuracy.ours" in text)
    place = re.search(r"file=([^,]*),line=(\d+)", error)
    assert int(place[2]) == line
    folder = checkout if way is action else checkout / "my paper"
    assert (folder / place[1]).samefile(claims)
    assert failed == ["Check every claim"] and "exit 1" in summary and "accuracy.ours" in summary


@RUNS
def test_a_number_that_is_typed_fails_in_the_step_that_compiles(way, checkout, commands):
    paper = checkout / "my paper" / "paper" / "paper.md"
    paper.write_text(paper.read_text() + "\nAnd 42 more.\n")
    accept(checkout, commands)
    failed, told, _ = way(checkout, commands)
    assert failed == ["Every numeral of the paper"] and "::error title=FAIL numerals" in told
    if way is action:
        assert action(checkout, commands, coverage="false")[0] == []


@RUNS
def test_rules_that_move_with_a_change_fail_in_a_pull_request_only(way, checkout, commands):
    paper = checkout / "my paper" / "paper" / "paper.md"
    paper.write_text(paper.read_text().replace("on the test set", "on every set"))
    accept(checkout, commands)
    commit(checkout)
    assert way(checkout, commands, "push")[0] == []
    failed, told, _ = way(checkout, commands, "pull_request")
    assert failed == ["What this change does to the rules"] and "::error" in told and "sentence accepted" in told


def accept(checkout, commands):
    words = ["claimgate", "sentences", "--root", "my paper", "--accept"]
    env = environment(commands, commands / "none")
    subprocess.run([str(commands / words[0]), *words[1:]], cwd=checkout, check=True, capture_output=True, env=env)


def test_the_workflow_names_no_address_that_was_not_installed_from(tmp_path, monkeypatch, capsys):
    class Installed:
        def __init__(self, text):
            self._text = text

        def read_text(self, name):
            return self._text

    vcs = (
        '{"url": "https://host.example/a/b", "subdirectory": "claimgate", '
        '"vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}'
    )
    for number, (text, source) in enumerate(
        {
            vcs: "git+https://host.example/a/b@c0ffee#subdirectory=claimgate",
            '{"url": "file:///x", "dir_info": {}}': "",
            None: "",
        }.items()
    ):
        monkeypatch.setattr(scaffold.metadata, "distribution", lambda name, text=text: Installed(text))
        told = init(tmp_path / str(number), "markdown")
        document = yaml.safe_load((tmp_path / str(number) / WORKFLOW).read_text())
        assert document["env"]["CLAIMGATE"] == source and any("set CLAIMGATE" in line for line in told)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"layercurv" not in path.read_bytes(), path


def test_a_workflow_that_does_not_say_what_to_install_stops_at_once(checkout, commands):
    document = yaml.safe_load((checkout / "my paper" / WORKFLOW).read_text())
    (install,) = (step["run"] for step in document["jobs"]["check"]["steps"] if step.get("name") == "Install")
    env = environment(commands, commands / "none", CLAIMGATE="")
    done = subprocess.run(["bash", "-e", "-c", install], cwd=checkout, env=env, capture_output=True, text=True)
    assert done.returncode == 2 and "::error::CLAIMGATE" in done.stdout


def hooks():
    (published,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    own = yaml.safe_load((ROOT / "claimgate" / "scaffold" / "common" / "dot_pre-commit-config.yaml").read_text())
    return [published, own["repos"][0]["hooks"][0]]


@pytest.mark.parametrize("hook", hooks(), ids=["published", "of init"])
def test_the_entry_of_a_hook_is_an_installed_command_and_judges(hook, checkout, commands):
    word, *_ = shlex.split(hook["entry"])
    for name in ("pyproject.toml", "claimgate/pyproject.toml"):
        assert word in tomllib.loads((ROOT / name).read_text())["project"]["scripts"]
    folder, env = checkout / "my paper", environment(commands, commands / "none")
    assert subprocess.run(shlex.split(hook["entry"]), cwd=folder, env=env, capture_output=True).returncode == 0
    claims = folder / "claims" / "accuracy.toml"
    claims.write_text(claims.read_text().replace('"91.2"', '"91.4"'))
    assert subprocess.run(shlex.split(hook["entry"]), cwd=folder, env=env, capture_output=True).returncode == 1


@pytest.mark.skipif(shutil.which("pre-commit") is None, reason="pre-commit is not installed")
def test_pre_commit_refuses_a_commit_whose_claims_do_not_hold(tmp_path, commands):
    folder = tmp_path / "paper"
    init(folder, "markdown")
    git(folder, "init", "-q", "-b", "main")
    env = environment(commands, commands / "none", PRE_COMMIT_HOME=str(tmp_path / "cache"))
    subprocess.run(["pre-commit", "install"], cwd=folder, check=True, capture_output=True, env=env)
    words = ["git", *IDENTITY, "commit", "-qm", "first"]
    git(folder, "add", "-A")
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=env)
    assert done.returncode == 0 and "Passed" in done.stderr, done.stderr
    claims = folder / "claims" / "accuracy.toml"
    claims.write_text(claims.read_text().replace('"91.2"', '"91.4"'))
    git(folder, "add", "-A")
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=env)
    assert done.returncode == 1 and "exit 1" in done.stderr, done.stderr


@pytest.mark.slow
def test_the_console_script_of_a_built_wheel_works_in_a_fresh_environment(tmp_path):
    hatchling = pytest.importorskip("hatchling.build")
    before = Path.cwd()
    os.chdir(ROOT / "claimgate")
    try:
        wheel = tmp_path / hatchling.build_wheel(str(tmp_path))
    finally:
        os.chdir(before)
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv" / "bin"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def call(*words, cwd=tmp_path):
        return subprocess.run(list(map(str, words)), cwd=cwd, capture_output=True, text=True, env=env)

    installed = call(binaries / "python", "-m", "pip", "install", "--quiet", "--no-deps", wheel)
    assert installed.returncode == 0, installed.stderr
    # What it depends on is taken from here: the network is not asked.
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    own = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join(own) + "\n")
    command = binaries / "claimgate"
    where = call(binaries / "python", "-c", "import claimgate; print(claimgate.__file__)").stdout
    assert str(site) in where, where
    assert call(command, "init", "paper").returncode == 0
    for words in (("check",), ("coverage",), ("explain", "accuracy.ours"), ("report",)):
        done = call(command, *words, cwd=tmp_path / "paper")
        assert done.returncode == 0, done.stdout + done.stderr
    assert call(command, "check", "--nothing", cwd=tmp_path / "paper").returncode == 2
