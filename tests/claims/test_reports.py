"""Every report tells every verdict, and what it quotes from a file cannot steer its reader."""

import io
import json
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from junitparser import JUnitXml

from claimgate.claim import Claim, Status, Verdict
from claimgate.report import FORMATS, summary
from claimgate.report.table import as_table
from claimgate.verification import Verification
from tests.claims.house import MEDIAN, claim_text, gate, write_claims

HOSTILE = "At small scale, <script>]]>&\x1b[31m\n::error file=x::|`*_[a](b)#@user [red]x[/red] %0A\u202e the median."


def verdict(subject="a.b", status=Status.PASS, **fields) -> Verdict:
    return Verdict(subject, status, fields.pop("detail", "as found"), **fields)


CHECK = ("equals", "1", "%", "exact", "r")


def verification(*verdicts: Verdict, kind="claims") -> Verification:
    claim = Claim(
        "a.b", "s", "Section 1", ("r/x.small.json",), "x", None, None, "mean", "equals", "1", "%", "exact", "r"
    )
    return Verification({kind: list(verdicts)}, {v.subject: claim for v in verdicts})


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([Status.PASS], 0),
        ([Status.PASS, Status.FAIL], 1),
        ([Status.FAIL, Status.MISSING], 3),
        ([Status.MISSING, Status.MALFORMED, Status.FAIL], 2),
        ([], 0),
    ],
)
def test_the_worst_verdict_of_any_group_decides(statuses, code):
    found = Verification({"a": [], "b": [verdict(status=status) for status in statuses]})
    assert found.exit_code == code


def test_the_summary_counts_each_group():
    found = verification(verdict(), verdict(status=Status.FAIL), verdict(status=Status.FAIL))
    found.groups["files"] = [verdict(status=Status.MISSING)]
    assert summary(found) == "claims: 1 pass, 2 fail; files: 0 pass, 1 missing; exit 3"


def test_the_table_shows_claims_always_and_files_only_where_something_is_wrong():
    found = verification(verdict("claim.one", value=1.5, stated="1.5%"))
    found.groups["files"] = [verdict("good.json"), verdict("bad.json", Status.FAIL, detail="changed")]
    found.groups["published"] = [verdict("C001")]
    text = as_table(found, verbose=False)
    assert "claim.one" in text and "1.5%" in text and "bad.json" in text and "changed" in text
    assert "good.json" not in text and "C001" not in text
    verbose = as_table(found, verbose=True)
    assert "C001" in verbose and "good.json" not in verbose


def test_verbose_shows_the_evidence():
    values = tuple(float(i) for i in range(1, 12))
    source = ("file.json: measurements.x | alpha | - | mean",)
    text = as_table(verification(verdict(value=6.0, values=values, sentence="What is said.", source=source)), True)
    for part in (
        "What is said.",
        "as found",
        "file.json: measurements.x",
        "values: 1, 2, 3, 4, 5, 6, 7, 8, ... (11 in all)",
    ):
        assert part in text
    few = as_table(verification(verdict(value=1.0, values=(1.0, 2.0))), True)
    assert "values: 1, 2\n" in few.replace(" \n", "\n").replace("  ", "") or "values: 1, 2" in few
    assert "in all" not in few
    assert "What is said." not in as_table(verification(verdict(sentence="What is said.")), False)


def test_colour_only_where_asked():
    assert "\x1b[" in as_table(verification(verdict()), False, colour=True)
    assert "\x1b" not in as_table(verification(verdict()), False)


@pytest.mark.parametrize("verbose", [False, True])
def test_json_holds_what_is_typeset_and_the_values_behind_it(verbose):
    found = verification(verdict(value=0.5, values=(0.25, 0.75), stated="1%", sentence="s", source=("f",)))
    found.groups["files"] = [verdict("x.json")]
    document = json.loads(FORMATS["json"](found, verbose))
    assert document["exit_code"] == 0 and document["summary"] == summary(found)
    assert document["claims"]["a.b"] == {
        "status": "PASS", "stated": "1", "unit": "%", "value": 0.5, "n": 2, "detail": "as found", "sentence": "s",
        "place": "Section 1", "records": ["r/x.small.json"], "values": [0.25, 0.75], "source": ["f"],
    }  # fmt: skip
    assert list(document["other"]) == ["files"] and list(document["other"]["files"]) == ["x.json"]
    assert json.loads(FORMATS["json"](Verification({"files": [verdict("x.json")]}), False))["claims"] == {}


def test_junit_tells_failures_from_errors():
    found = verification(verdict(), verdict("c.d", Status.FAIL, detail="off"), verdict("e.f", Status.MISSING))
    report = JUnitXml.fromstring(FORMATS["junit"](found, False))
    assert (report.tests, report.failures, report.errors) == (3, 1, 1)
    cases = {case.name: case for suite in report for case in suite}
    assert cases["c.d"].result[0].message == "off" and cases["c.d"].classname == "claims"
    assert cases["e.f"].result[0].type == "MISSING"


def test_markdown_lists_what_is_wrong_and_with_verbose_all():
    found = verification(verdict("good.one"), verdict("bad.one", Status.FAIL, detail="off", stated="2", value=3.0))
    text = FORMATS["markdown"](found, False)
    assert text.startswith("❌ **claims: 1 pass, 1 fail; exit 1**\n")
    assert "| ❌ FAIL | claims: bad.one | 2 | 3 | off |" in text and "good.one" not in text
    assert "| ✅ PASS | claims: good.one |" in FORMATS["markdown"](found, True)
    assert FORMATS["markdown"](verification(verdict()), False) == "✅ **claims: 1 pass; exit 0**\n"


@pytest.mark.parametrize(
    ("stated", "unit", "typeset"),
    [
        ("2.41", "", "2.41"),
        ("-0.32", "", r"\ensuremath{-}0.32"),
        ("50000", "", "50{,}000"),
        ("1234567", "", "1{,}234{,}567"),
        ("2048", "", "2048"),
        ("12345.5", "", "12345.5"),
        ("1.5e-6", "", r"\ensuremath{1.5\cdot 10^{-6}}"),
        ("1e-09", "", r"\ensuremath{10^{-9}}"),
        ("88.4", "%", r"88.4\,\%"),
        ("-2.9", "points", r"\ensuremath{-}2.9~points"),
    ],
)
def test_latex_defines_each_verified_number_as_it_is_printed(stated, unit, typeset):
    found = verification(verdict(), verdict("not.so", Status.FAIL))
    found.claims["a.b"] = replace(found.claims["a.b"], stated=stated, unit=unit)
    text = FORMATS["latex"](found, False)
    assert f"\n\\@namedef{{claim@a.b}}{{{typeset}}}\n\\makeatother\n" in text
    assert "not.so" not in text and text.startswith("% Numbers by claim id")
    assert FORMATS["latex"](Verification(), False).endswith("\n\\makeatother\n")


def test_github_annotates_the_line_of_the_claim():
    bad = verdict("bad.one", Status.FAIL, detail="50% off", stated="2%", file="claims/a,b:c.toml", line=7)
    lines = FORMATS["github"](verification(bad, verdict()), False).splitlines()
    assert lines == [
        "::error file=claims/a%2Cb%3Ac.toml,line=7,title=FAIL bad.one::stated 2%25: 50%25 off",
        "::notice title=claimgate::claims: 1 pass, 1 fail; exit 1",
    ]
    verbose = FORMATS["github"](verification(verdict(detail="fine")), True).splitlines()
    assert verbose[0] == "::notice title=PASS a.b::fine"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("verbose", [False, True])
def test_no_format_lets_hostile_text_through(name, verbose):
    found = verification(verdict(HOSTILE, Status.FAIL, detail=HOSTILE, sentence=HOSTILE, stated=HOSTILE, file=HOSTILE))
    text = FORMATS[name](found, verbose)
    assert ("\x1b" not in text and "\u202e" not in text) or name == "json"
    if name == "json":
        assert "\x1b" not in text and json.loads(text)["claims"][HOSTILE]["detail"] == HOSTILE
    if name == "junit":
        ET.fromstring(text)
        assert "<script>" not in text
    if name == "markdown":
        row = text.splitlines()[4]
        assert "<script>" not in text and text.count("\n") == 5
        assert len([i for i, c in enumerate(row) if c == "|" and row[i - 1] != "\\"]) == 6
        for raw in ("[a](b)", "`*_", "@user"):
            assert raw not in text
    if name == "github":
        assert len(text.splitlines()) == 2  # a line break would start a command of the file's choosing
        assert text.splitlines()[0].startswith("::error file=") and "%0A" not in text.replace("%250A", "")


def test_the_terminal_never_gets_control_codes_from_a_file(house, capsys):
    write_claims(house, claim_text(stated=MEDIAN, sentence="At small scale \x1b[31m[red]the median[/red]."))
    gate(house, "-v")
    out = capsys.readouterr().out
    assert "\x1b" not in out and "[red]the median[/red]" in " ".join(out.split())


def test_files_and_standard_output_are_asked_for_apart(house, capsys):
    write_claims(house, claim_text(stated=MEDIAN), claim_text(id="test.wrong", stated="9.999"))
    options = [word for name in ("json", "junit", "markdown") for word in (f"--{name}", f"{house}/out/report.{name}")]
    assert gate(house, *options, "--format", "github") == 1
    assert capsys.readouterr().out.startswith("::error file=")
    document = json.loads((house / "out" / "report.json").read_text())
    assert {key: entry["status"] for key, entry in document["claims"].items()} == {
        "test.median_alpha": "PASS",
        "test.wrong": "FAIL",
    }
    assert JUnitXml.fromfile(f"{house}/out/report.junit").failures == 1
    assert "test.wrong" in (house / "out" / "report.markdown").read_text().replace("\\", "")


def test_quiet_prints_one_line(house, capsys):
    assert gate(house, "--quiet") == 0
    assert (
        capsys.readouterr().out
        == "claims: 1 pass; files: 2 pass; provenance: 3 pass; seeds: 1 pass; counts: 8 pass; exit 0\n"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("options", "coloured"), [((), True), (("--format", "github"), False), (("--quiet",), False)])
def test_a_terminal_gets_colours_and_its_own_width(house, monkeypatch, options, coloured):
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr("sys.stdout", Terminal())
    assert gate(house, "-v", *options) == 0
    text = sys.stdout.getvalue()
    assert ("\x1b[" in text) == coloured
    if coloured:
        assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in text.splitlines()) <= 70
        assert "The median" in text or "median" in text


def test_points_are_named_beside_what_is_stated(house, capsys):
    fields = {"select": "measurements.training.test_accuracy", "quantity": None, "reduce": "mean", "unit": "points"}
    write_claims(house, claim_text(stated="50", **fields))
    assert gate(house) == 0
    assert "50 points" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("text", ["x = 1", "claim = 1", "claim = [1]"])
def test_a_file_of_anything_but_claims_is_refused(house, capsys, text):
    (house / "claims" / "test.toml").write_text(text)
    assert gate(house) == 2
    told = capsys.readouterr().err
    expected = "expected [[claim]] tables and an optional top-level `records`, nothing else"
    assert told == f"error: {house}/claims/test.toml: {expected}\n"


def test_a_results_folder_that_is_none_is_named(house, capsys):
    (house / "results").rename(house / "elsewhere")
    assert gate(house) == 2
    assert capsys.readouterr().err == f"error: {house}/results: expected the folder of records, found none\n"
