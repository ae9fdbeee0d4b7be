"""What a change does to the rules it is judged by."""

import json
import os
import subprocess

import pytest

from claimgate.base import judge_changes
from claimgate.claim import Status
from layercurv.results.manifest import freeze
from tests.claims.house import MEDIAN, change_record, claim_text, gate, write_claims, write_floor

CLAIMS = [
    claim_text(stated=MEDIAN),
    claim_text(id="test.largest", reduce="max", check="rounded_up", stated="2.1"),
    claim_text(id="test.zero", reduce="min", check="rounded_down", stated="1.5"),
]


PERSON = ("-c", "user.name=a", "-c", "user.email=a@b")


def git(house, *words) -> str:
    environment = os.environ | {"GIT_COMMITTER_DATE": "2025-01-01T00:00:00Z", "GIT_AUTHOR_DATE": "2025-01-01T00:00:00Z"}
    command = ["git", "-C", str(house), *PERSON, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.fixture
def based(house):
    write_claims(house, *CLAIMS)
    write_floor(house, claims=3)
    (house / "claims" / "numerals.toml").write_text(
        '[[name]]\ntext = ["CIFAR-#"]\nreason = "r"\nat_most = 5\n[waivers]\nat_most = 1\n'
    )
    git(house, "init", "-q", "-b", "main")
    git(house, "commit", "-qm", "code", "--allow-empty")
    commit = git(house, "rev-parse", "HEAD")
    for index in range(2):
        change_record(house, lambda record: _measured_at(record, commit), index, reseal=True)
    git(house, "add", "-A")
    git(house, "commit", "-qm", "base")
    return house


def _measured_at(record, commit):
    record["provenance"]["code"]["commit"] = commit
    record["provenance"]["training_commits"] = [commit]


def judge(house) -> int:
    return gate(house, "--base", "main", "--only", "test.*")


def review(house, kind, of, n=1):
    path = house / "claims" / "reviewed.toml"
    text = path.read_text() if path.exists() else ""
    path.write_text(text + f'[[change]]\nkind = "{kind}"\nof = "{of}"\nn = {n}\nreason = "it was wrong"\n')


def remove(house):
    write_claims(house, *CLAIMS[:2])
    write_floor(house, claims=2)


def replace_record(house):
    change_record(house, lambda record: record["measurements"].update(mean_loss=0.5), reseal=True)


def drop_seed(house):
    write_claims(house, claim_text(stated=MEDIAN), *CLAIMS[1:], records=["alpha_map/net_seed0.small.json"])


def drop_record(house):
    (house / "results" / "alpha_map" / "net_seed1.small.json").unlink()
    freeze(house / "results")


def exempt(house):
    path = house / "claims" / "numerals.toml"
    path.write_text(path.read_text().replace("CIFAR-#", "#"))


def exempt_more(house):
    path = house / "claims" / "numerals.toml"
    path.write_text(path.read_text().replace("at_most = 5", "at_most = 50"))


def waive_more(house):
    path = house / "claims" / "numerals.toml"
    path.write_text(path.read_text().replace("at_most = 1", "at_most = 2"))


def claims_with(**changes):
    return lambda house: write_claims(house, claim_text(**{"stated": MEDIAN} | changes), *CLAIMS[1:])


CHANGES = {
    "claim removed": (remove, [("claim removed", "test.zero"), ("floor lowered", "claims")]),
    "tolerance": (claims_with(tolerance="0.01"), [("claim weakened", "test.median_alpha")]),
    "coarser": (claims_with(stated=MEDIAN[:-1]), [("claim weakened", "test.median_alpha")]),
    "bound": (claims_with(check="above", stated="-1e9", tolerance="exact"), [("claim weakened", "test.median_alpha")]),
    "sentence": (claims_with(sentence="At small scale, other."), [("claim rewritten", "test.median_alpha")]),
    "selector": (claims_with(select="measurements.layers[?kind=='conv'][]"), [("claim rewritten", "test.*")]),
    "quantity": (claims_with(quantity="gamma"), [("claim rewritten", "test.*")]),
    "floor": (lambda house: write_floor(house, claims=2), [("floor lowered", "claims")]),
    "record": (replace_record, [("record replaced", "alpha_map/*")]),
    "record lost": (drop_record, [("record removed", "alpha_map/*")]),
    "name": (exempt, [("exemption added", "name: #")]),
    "name more often": (exempt_more, [("exemption added", "name: CIFAR-#")]),
    "waiver": (waive_more, [("exemption added", "waivers: waivers")]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_loosens_the_rules_fails_until_the_change_says_so(based, name, capsys):
    change, expected = CHANGES[name]
    assert judge(based) == 0
    capsys.readouterr()
    change(based)
    gate(based, "--base", "main", "--format", "json", "--only", "test.*")
    told = json.loads(capsys.readouterr().out)["other"]["changes"]
    assert len(told) == len(expected) and {entry["status"] for entry in told.values()} == {"FAIL"}
    for kind, of in expected:
        review(based, kind, of)
    gate(based, "--base", "main", "--format", "json", "--only", "test.*")
    told = json.loads(capsys.readouterr().out)["other"]["changes"]
    assert {entry["status"] for entry in told.values()} == {"PASS"}


def test_a_dropped_seed_weakens_every_claim_that_read_it(based, capsys):
    drop_seed(based)
    assert judge(based) != 0
    assert "claim weakened: test.largest" in capsys.readouterr().out


def test_what_is_only_new_needs_no_review(based):
    write_claims(based, *CLAIMS, claim_text(id="test.mean", stated="1.80", reduce="mean"))
    assert judge(based) == 0


def test_a_review_is_for_one_change_and_for_as_many_as_it_says(based):
    review(based, "claim removed", "*")
    assert judge(based) == 1, "nothing was removed"
    remove(based)
    review(based, "floor lowered", "claims")
    assert judge(based) == 0
    git(based, "add", "-A")
    git(based, "commit", "-qm", "merged")
    assert judge(based) == 0, "merged: it is no change any more"
    write_claims(based, *CLAIMS[:1])
    write_floor(based, claims=1)
    assert judge(based) == 1, "an entry of the base does not count"


@pytest.mark.parametrize(
    "text", ["x = 1", "[[change]]\nkind = 'all'\nof = '*'\nn = 1\nreason = 'r'", "[[change]]\nkind = 'claim removed'"]
)
def test_a_malformed_review_exits_2(based, text):
    (based / "claims" / "reviewed.toml").write_text(text)
    assert judge(based) == 2


def test_a_base_that_is_not_there_exits_2(based, house, capsys):
    assert gate(based, "--base", "elsewhere") == 2
    assert gate(based, "--base=--output=x") == 2
    assert "expected a branch or commit" in capsys.readouterr().err


def settle(house, settings: str) -> None:
    (house / "claimgate.toml").write_text(settings)
    git(house, "add", "-A")
    git(house, "commit", "-qm", "settings")


def found(house, claims="claims", results="results") -> list[str]:
    verdicts = judge_changes(house, house / claims, house / results, "main")
    return [verdict.subject for verdict in verdicts if verdict.status is not Status.PASS]


def test_a_setting_that_changes_is_told(based):
    settle(based, '[names]\nidentities = ["stored_"]\n')
    assert found(based) == []
    (based / "claimgate.toml").write_text('module = "ours"\n[names]\nidentities = ["s"]\n')
    assert found(based) == ["setting changed: module", "setting changed: names.identities"]


def test_folders_that_move_are_compared_with_those_of_before(based):
    settle(based, '[names]\nidentities = ["stored_"]\n')
    replace_record(based)
    (based / "results").rename(based / "records")
    remove(based)
    (based / "claims").rename(based / "ours")
    (based / "claimgate.toml").write_text('claims = "ours"\nrecords = "records"\n[names]\nidentities = ["stored_"]\n')
    kinds = {subject.partition(":")[0] for subject in found(based, "ours", "records")}
    assert kinds == {"setting changed", "claim removed", "floor lowered", "record replaced"}


def test_an_object_that_git_replaces_is_read_as_it_was(based):
    settle(based, "")
    base = git(based, "rev-parse", "HEAD")
    remove(based)
    git(based, "commit", "-qam", "fewer")
    git(based, "replace", base, "HEAD")
    verdicts = judge_changes(based, based / "claims", based / "results", base)
    assert any(verdict.status is Status.FAIL for verdict in verdicts)


MAKEFILE = """RUN := python
.PHONY: all verify bench
all: ## Everything
	@$(MAKE) --no-print-directory paper
paper: verify
	$(RUN) paper/build.py
verify: ; $(RUN) verify.py
bench:
	$(RUN) bench.py
"""
RUNS = {
    ".github/workflows/gate.yml": "steps:\n      - run: make all\n      - run: claimgate diff --base main\n",
    ".ci/run": "set -e\nmake all\n",
    "Makefile": MAKEFILE,
    "gate/action.yml": "runs:\n  steps:\n    - run: claimgate check\n",
    ".pre-commit-hooks.yaml": "- id: claimgate\n  entry: claimgate check --quiet\n",
    "verify.py": "raise SystemExit(main())\n",
    "bench.py": "print(1)\n",
    "paper/build.py": "build()\n",
}


def write_runs(house, changes: dict) -> None:
    for name, text in changes.items():
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            (house / name).unlink()
        else:
            (house / name).write_text(text)


@pytest.fixture
def run_by_a_ci(based):
    write_runs(based, RUNS)
    settle(based, "")
    return based


WEAKENED = {
    "a step that may fail": (".github/workflows/gate.yml", "run: make all", "run: make all || true", None),
    "a step less": (".github/workflows/gate.yml", "      - run: claimgate diff --base main\n", "", None),
    "a script without its exit code": (".ci/run", "set -e\n", "", None),
    "a hook that does nothing": (".pre-commit-hooks.yaml", "claimgate check --quiet", "true", None),
    "an action that does nothing": ("gate/action.yml", "claimgate check", "true", None),
    "a recipe whose errors do not count": ("Makefile", "\t$(RUN) paper/build.py", "\t-$(RUN) paper/build.py", "paper"),
    "a need less": ("Makefile", "paper: verify", "paper:", "paper"),
    "what a target calls": ("Makefile", "--no-print-directory paper", "--no-print-directory bench", "all"),
    "a recipe behind a semicolon": ("Makefile", "verify: ; $(RUN)", "verify: ; true $(RUN)", "verify"),
    "a variable": ("Makefile", "RUN := python", "RUN := true", "outside of rules"),
    "a target that is a file": ("Makefile", ".PHONY: all verify", ".PHONY: all", ".PHONY"),
    "errors of all recipes": ("Makefile", "bench:\n", ".IGNORE:\n\nbench:\n", ".IGNORE"),
    "what a target runs": ("verify.py", "raise SystemExit(main())", "main()", None),
    "what another runs": ("paper/build.py", "build()", "", None),
}


@pytest.mark.parametrize("attack", WEAKENED)
def test_a_weakened_workflow_is_told_and_must_be_reviewed(run_by_a_ci, attack):
    name, old, new, part = WEAKENED[attack]
    assert found(run_by_a_ci) == [] and old in RUNS[name]
    write_runs(run_by_a_ci, {name: RUNS[name].replace(old, new)})
    subject = name if part is None else f"{name}: {part}"
    assert f"workflow changed: {subject}" in found(run_by_a_ci)
    review(run_by_a_ci, "workflow changed", subject)
    assert f"workflow changed: {subject}" not in found(run_by_a_ci)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".github/workflows/gate.yml", None),
        ("Makefile", None),
        (".github/workflows/other.yml", "jobs:\n  verify:\n    steps: []\n"),
        ("GNUmakefile", "all:\n\ttrue\n"),
    ],
)
def test_a_workflow_that_goes_or_comes_is_told(run_by_a_ci, name, text):
    write_runs(run_by_a_ci, {name: text})
    assert any(subject.startswith(f"workflow changed: {name}") for subject in found(run_by_a_ci))


def test_what_does_not_run_the_gate_may_change_and_a_first_workflow_is_none_that_changed(run_by_a_ci, based):
    write_runs(based, {"Makefile": MAKEFILE.replace("bench.py", "other.py") + "# bench\n", "bench.py": ""})
    assert found(based) == []
    git(based, "rm", "-qr", "--cached", *RUNS)
    git(based, "commit", "-qm", "none")
    assert found(based) == []


def test_which_files_run_the_gate_is_by_the_settings_of_both(run_by_a_ci):
    settle(run_by_a_ci, '[rules]\nfiles = ["bench.py", "ci/*"]\ntargets = ["bench"]\n')
    write_runs(run_by_a_ci, {"bench.py": "print(2)\n"})
    assert found(run_by_a_ci) == ["workflow changed: bench.py"]
    write_runs(run_by_a_ci, {".ci/run": "true\n"})
    assert found(run_by_a_ci) == ["workflow changed: bench.py"]
    write_runs(run_by_a_ci, {"claimgate.toml": "[rules]\nfiles = []\n"})
    assert found(run_by_a_ci) == [
        *("setting changed: rules.files", "setting changed: rules.targets"),
        "workflow changed: bench.py",
    ]


def test_workflows_lie_at_the_root_of_the_checkout_and_not_of_the_paper(based, tmp_path_factory):
    top = tmp_path_factory.mktemp("top")
    git(based, "clone", "-q", "--no-local", str(based), str(top / "paper"))
    (top / "paper" / ".git").rename(top / ".git")
    write_runs(top, RUNS)
    git(top, "add", "-A")
    git(top, "commit", "-qm", "moved")
    assert found(top / "paper") == []
    write_runs(top, {".github/workflows/gate.yml": ""})
    assert found(top / "paper") == ["workflow changed: .github/workflows/gate.yml"]


def test_attributes_of_the_base_hide_no_rule(based):
    (based / ".gitattributes").write_text("claims/** export-ignore\n*.toml export-subst\n")
    git(based, "add", "-A")
    git(based, "commit", "-qm", "attributes")
    assert found(based) == []
    remove(based)
    assert "claim removed: test.zero" in found(based)
