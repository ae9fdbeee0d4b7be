"""The house keeps its own rules: imports, the frozen state, the paper's numbers, the README's map."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
import typst

from claimgate.claim import Status
from claimgate.engine import judge
from claimgate.load import load_claims
from claimgate.pdf_text import pdf_text
from claimgate.published.load import load_rows
from claimgate.records import SealedRecords
from layercurv.claims.command import main
from layercurv.claims.house import project
from layercurv.figures.registry import FIGURES
from layercurv.results import schema
from layercurv.results.store import AUDIT

LIGHT = ("claims", "figures", "fits", "page", "results")


def test_import_contracts_hold(root):
    done = subprocess.run([f"{sys.prefix}/bin/lint-imports"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_frozen_record_meets_its_schema_and_names_a_clean_commit(root):
    records = sorted((root / "results").glob("*/*.json"))
    assert records
    for path in records:
        record = json.loads(path.read_text())
        assert path.parent.name == record["experiment"]
        assert not schema.violations(record, record["experiment"]), path.name
        if not record["experiment"].startswith(("bench", "published")):  # of these there is one record, with no scale
            assert path.name == f"{record['variant']}.{record['scale']}.json"
        assert record["provenance"]["code"]["dirty"] is False, path.name


def test_all_claims_of_the_paper_are_verified(root, monkeypatch):
    monkeypatch.chdir(root)
    assert main(["--quiet"]) == 0


def test_the_readme_counts_the_audit_as_it_is(root):
    rows = load_rows(root / "claims" / "published.toml", project())
    counts = Counter(row.verdict for row in rows)
    text = " ".join((root / "README.md").read_text().split())
    assert (
        f"Of {len(rows)} numbers, its own data support {counts['supported']} and contradict {counts['contradicted']}; "
        f"{counts['ambiguous']} depend on how the words are read, and on {counts['unsupported']} nothing was published."
    ) in text
    ours = Counter(row.replication.verdict for row in rows)
    assert (
        f"Three seeds of ours, at small scale, replicate {ours['replicated']} and do not replicate "
        f"{ours['not_replicated']}; {ours['not_measured']} are not measured."
    ) in text
    assert [row.id for row in rows] == [f"C{number:03d}" for number in range(1, 337)]


def test_moving_any_stated_value_by_one_or_two_units_fails(root):
    """Bounds with a meaning of their own (`below`, `above`) are not measured values and stay out."""
    records = SealedRecords(root / "results", project())
    moved = 0
    for claim in load_claims(root / "claims", project()):
        if claim.check in ("below", "above"):
            continue
        assert judge(claim, records).status is Status.PASS
        for units in (-2, -1, 1, 2):
            stated = str(claim.number + units * claim.last_digit)
            assert judge(replace(claim, stated=stated), records).status is Status.FAIL, (claim.id, stated)
            moved += 1
    assert moved > 100


def test_the_paper_prints_claims_and_every_claim_is_printed(root):
    if not (root / "build" / "claims.json").exists():
        main(["--quiet", "--json", str(root / "build" / "claims.json")])
    options = {"root": root, "ignore_system_fonts": True, "field": "value"}
    printed = set(json.loads(typst.query(root / "paper" / "main.typ", "<claim>", **options)))
    ids = {claim.id for claim in load_claims(root / "claims", project())}
    assert printed == ids, f"never printed: {ids - printed}; unknown: {printed - ids}"


def test_sections_print_numbers_by_claim_or_waiver_only(root):
    """Marks of what is printed by rule are the template's; a section that set them itself could print any number."""
    for path in (root / "paper" / "sections").glob("*.typ"):
        text = path.read_text()
        imported = re.findall(r'#import "../claims.typ": (.*)', text)
        allowed = (
            {"audit_rows", "audited", "by_rule"}
            if path.name == "appendix_audit.typ"
            else {"claim", "waived", "printed", "says"}
        )
        assert {name.strip() for line in imported for name in line.split(",")} <= allowed, path.name
        assert not re.search(r"[⟦⟧⟨⟩⦃⦄⟪⟫]", text), path.name
    assert not re.search(r"[⟦⟧⟨⟩⦃⦄⟪⟫]", (root / "paper" / "main.typ").read_text())


def test_the_appendix_prints_every_audited_number_and_no_digit_of_its_own(root):
    text = pdf_text(root / "paper" / "layercurv.pdf")
    for row in load_rows(root / "claims" / "published.toml", project()):
        assert f"{row.id} " in text, row.id
    source = (root / "paper" / "sections" / "appendix_audit.typ").read_text()
    assert re.findall(r"audited\b.*", source)[1:] == ["audited)"], "cells come from verified rows only"
    assert re.findall(r"by_rule\b.*", source)[1:] == ["by_rule(strong(place)))),"]


def test_every_claim_rests_on_at_least_three_seeds(root):
    for claim in load_claims(root / "claims", project()):
        for group in filter(None, (claim.records, claim.reference)):
            variants = Counter(re.sub(r"_seed\d+", "", name) for name in group if name != AUDIT)
            assert all(seeds >= 3 for seeds in variants.values()), claim.id


def test_every_claim_names_the_places_where_it_is_printed(root):
    options = {"root": root, "ignore_system_fonts": True, "field": "value"}
    printed = {}
    for use in json.loads(typst.query(root / "paper" / "main.typ", "<place>", **options)):
        places = printed.setdefault(use["id"], [])
        places += [] if use["place"] in places else [use["place"]]
    for claim in load_claims(root / "claims", project()):
        assert claim.place == ", ".join(printed[claim.id]), claim.id


@pytest.mark.parametrize("package", LIGHT)
def test_light_packages_hold_no_code_that_runs_text(root, package):
    forbidden = {"eval", "exec", "compile", "__import__", "pickle", "marshal", "shelve", "instantiate"}
    for path in (root / "layercurv" / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.id] if isinstance(node, ast.Name) else []
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not forbidden & set(names), f"{path.name}:{node.lineno}"


def test_the_figures_readme_lists_every_figure(root):
    listed = re.findall(r"^- `(\w+)`", (root / "figures" / "README.md").read_text(), flags=re.M)
    assert sorted(listed) == sorted(FIGURES)


def test_everything_the_readme_points_to_exists(root):
    text = (root / "README.md").read_text()
    for path in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (root / path).exists(), path


def test_every_experiment_has_its_config_schema_and_section(root):
    methods = (root / "EXPERIMENTS.md").read_text()
    for script in (root / "experiments").glob("[a-z]*.py"):
        assert (root / "configs" / f"{script.stem}.yaml").is_file()
        assert (root / "layercurv/results/schemas" / schema.VERSION / f"{script.stem}.json").is_file()
        assert f"## {script.stem}" in methods


def test_no_file_is_longer_than_400_lines(root):
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=root, capture_output=True, text=True, check=True)
    lengths = {name: len((root / name).read_text().splitlines()) for name in tracked.stdout.split()}
    assert max(lengths.values()) <= 400, max(lengths, key=lengths.get)
