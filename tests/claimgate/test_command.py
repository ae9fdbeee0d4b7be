"""The commands on a small paper: what passes, what each change does to the exit code, and what is said."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree
from decimal import Decimal
from pathlib import Path

import pytest

from claimgate.command import main
from claimgate.init import init
from claimgate.papers import latex
from tests.claimgate.paper import HAS_LATEX


def codes() -> tuple[int, int]:
    return main(["check", "-q"]), main(["coverage"])


@pytest.mark.parametrize(
    "kind", ["markdown", "typst", pytest.param("latex", marks=pytest.mark.skipif(not HAS_LATEX, reason="no LaTeX"))]
)
def test_what_init_writes_passes_check_and_coverage(kind, tmp_path, monkeypatch):
    init(tmp_path / "new", kind)
    monkeypatch.chdir(tmp_path / "new")
    assert codes() == (0, 0)
    source = next(
        path for path in (tmp_path / "new" / "paper").iterdir() if path.name in ("paper.md", "main.typ", "paper.tex")
    )
    text = source.read_text()
    source.write_text(text.replace("on the test set", "on 97 test sets"))
    assert codes() == (1, 1), "a typed number, in a sentence that nobody accepted"
    assert main(["sentences", "--accept"]) == 0
    assert codes() == (0, 1), "accepted, and still no claim's number"
    source.write_text(text)


def test_init_replaces_nothing(tmp_path, capsys):
    (tmp_path / "claimgate.toml").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert (tmp_path / "claimgate.toml").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
    assert "nothing was written" in capsys.readouterr().err


def test_without_latex_it_is_said_how_to_get_it_and_nothing_is_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(latex.shutil, "which", lambda name: None)
    assert main(["init", str(tmp_path), "--paper", "latex"]) == 0
    monkeypatch.chdir(tmp_path)
    assert main(["check", "-q"]) == 0
    capsys.readouterr()
    assert main(["coverage"]) == 3
    told = capsys.readouterr().err
    assert "cannot be judged" in told and "tectonic" in told and "apt-get install" in told


ATTACKS = {
    "stated": ("claims/accuracy.toml", '"91.2"', '"91.3"', 1),
    "record": ("results/accuracy.csv", "0.912", "0.922", 1),
    "record with NaN": ("results/accuracy.csv", "0.912", "nan", 3),
    "record torn": ("results/accuracy.csv", "ours,1,0.915", "ours,1", 2),
    "finding turned round": ("claims/findings.toml", '"more"', '"less"', 2),
    "finding the other way": (
        "claims/findings.toml",
        '["accuracy.ours", "accuracy.baseline"]',
        '["accuracy.baseline", "accuracy.ours"]',
        1,
    ),
    "sentence of the paper": ("paper/paper.md", "reaches", "misses", 1),
    "sentence of a claim": ("claims/accuracy.toml", "correctly", "wrongly", 1),
    "loose tolerance": ("claims/accuracy.toml", '"printed"', '"9"', 3),
    "selector that finds nothing": ("claims/accuracy.toml", "'ours'", "'theirs'", 3),
    "unknown key": ("claims/accuracy.toml", "unit =", "units =", 2),
    "README": ("README.md", "every claim", "most claims", 1),
    "seal": ("results/SHA256SUMS", "a", "b", 1),
    "settings": ("claimgate.toml", "[paper]", "[papers]", 2),
    "floor": ("claims/floor.toml", "claims = 2", "claims = 3", 3),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_every_change_that_matters_fails_with_its_exit_code(paper, name):
    file, old, new, code = ATTACKS[name]
    paper.change(file, old, new)
    assert main(["check"]) == code


SEALED = {
    "a number that is not finite": ("accuracy\n", "accuracy\nours,9,inf\n"),
    "an empty table with the claims' columns gone": ("method,seed,accuracy", "method,seed,score"),
}


@pytest.mark.parametrize("name", SEALED)
def test_sealing_anew_does_not_hide_what_is_wrong(paper, name):
    paper.change("results/accuracy.csv", *SEALED[name])
    assert main(["seal"]) == 0
    assert main(["check"]) in (1, 3)


def test_a_project_without_schema_still_wants_finite_numbers_everywhere(paper, capsys):
    paper.write("results/unread.json", '{"x": 1e400}')
    assert main(["seal"]) == 0
    assert main(["check"]) == 1
    assert "not finite" in capsys.readouterr().out


def test_a_schema_of_its_own_is_held(paper, capsys):
    paper.change("claimgate.toml", "[paper]", 'schemas = "schemas"\n[paper]')
    assert main(["check"]) == 1, "no schema for this record"
    paper.write("schemas/accuracy.json", '{"type": "object", "required": ["rows"]}')
    assert main(["check"]) == 0
    paper.write("schemas/accuracy.json", '{"type": "object", "required": ["seed"]}')
    capsys.readouterr()
    assert main(["check"]) == 3 and "is a required property" in capsys.readouterr().out
    paper.write("schemas/accuracy.json", '{"type": "objects"}')
    assert main(["check"]) == 2 and "the schema of accuracy.csv: expected a JSON Schema" in capsys.readouterr().err


def test_scales_are_named_in_the_sentence(paper, capsys):
    paper.change("claimgate.toml", "[paper]", '[names]\nscales = ["full", "smoke"]\nunclaimed = ["smoke"]\n[paper]')
    assert main(["check"]) == 2 and "SCALE" in capsys.readouterr().err
    paper.write("results/a.full.json", '{"x": [1, 1, 1]}')
    paper.write("results/a.smoke.json", '{"x": [1, 1, 1]}')
    paper.claim("a.full.json", "x", "1.00")
    assert main(["explain", "new.value"]) == 2 and "must say 'full scale'" in capsys.readouterr().err
    paper.claim("a.full.json", "x", "1.00", sentence="At full scale, a value.")
    assert main(["explain", "new.value"]) == 0
    assert "smoke" not in (paper.folder / "results" / "SHA256SUMS").read_text()
    paper.claim("a.smoke.json", "x", "1.00", sentence="At smoke scale, a value.")
    assert main(["explain", "new.value"]) == 2


def test_quantities_come_from_the_module_that_is_named(paper, monkeypatch, capsys):
    monkeypatch.syspath_prepend(paper.folder)
    paper.write("ours_under_test.py", "QUANTITIES = {'spread': lambda item: max(item['x']) - min(item['x'])}\n")
    paper.change("claimgate.toml", "[paper]", 'module = "ours_under_test"\n[paper]')
    paper.write("results/a.json", '{"x": [1, 2, 4.5]}')
    paper.claim("a.json", "@", "3.5", quantity="spread")
    assert main(["explain", "new.value"]) == 0
    paper.claim("a.json", "@", "3.5", quantity="range")
    assert main(["explain", "new.value"]) == 2 and "expected one of: spread" in capsys.readouterr().err
    paper.change("claimgate.toml", "ours_under_test", "nothing_of_that_name")
    assert main(["check"]) == 2 and "cannot be imported" in capsys.readouterr().err


def test_explain_shows_every_step(paper, capsys):
    assert main(["explain", "accuracy.ours"]) == 0
    told = capsys.readouterr().out
    for part in (
        "0.912, 0.915, 0.909",
        "mean, times 100",
        "91.15 to 91.25",
        "paper/paper.md:3",
        "rows[?method=='ours']",
    ):
        assert part in told
    assert main(["explain", "accuracy.our"]) == 2 and "near: accuracy.ours" in capsys.readouterr().err
    assert main(["explain", "accuracy"]) == 2
    assert "near: accuracy.ours, accuracy.baseline" in capsys.readouterr().err
    paper.change("results/accuracy.csv", "0.912", "0.999")
    assert main(["explain", "accuracy.ours"]) == 1 and "NOT SEALED" in capsys.readouterr().out


@pytest.mark.parametrize(("n", "end"), [(5, "4.0, 4.5\n"), (6, "4.5, 5.0\n"), (7, "4.5, 5.0, ... (7 in all)\n")])
def test_explain_shows_the_first_values_and_how_many_there_are(paper, capsys, n, end):
    paper.write("results/many.json", json.dumps([2.5 + i / 2 for i in range(n)]))
    paper.claim("many.json", "@", "4", "mean")
    capsys.readouterr()
    paper.explained()
    assert end in capsys.readouterr().out


def test_explain_says_why_a_record_cannot_be_read(paper, capsys):
    paper.write("results/accuracy.csv", "method,seed\nours\n")
    assert main(["explain", "accuracy.ours"]) == 2
    assert "cannot be read: " in capsys.readouterr().out


def test_reports_are_documents_of_their_kind(paper, capsys):
    names = {
        "html": "a.html",
        "badge": "a.svg",
        "junit": "a.xml",
        "json": "a.json",
        "markdown": "a.md",
        "latex": "a.tex",
    }
    assert main(["report", *(word for kind, name in names.items() for word in (f"--{kind}", name))]) == 0
    for name in ("a.svg", "a.xml"):
        xml.etree.ElementTree.parse(paper.folder / name)
    assert json.loads((paper.folder / "a.json").read_text())["exit_code"] == 0
    assert (
        "2 verified" in (paper.folder / "a.svg").read_text() and "All verified" in (paper.folder / "a.html").read_text()
    )
    paper.change("claims/accuracy.toml", "correctly", "<script>alert(1)</script>")
    assert main(["report", "--html", "a.html", "--badge", "a.svg"]) == 1
    page = (paper.folder / "a.html").read_text()
    assert "<script>" not in page and "Not verified (exit 1)" in page
    assert "exit 1, 2 of 2 hold" in (paper.folder / "a.svg").read_text()


def git(folder, *words):
    person = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(folder), *person, *words], check=True, capture_output=True, env=os.environ)


def test_diff_lists_accepted_sentences_with_file_and_line_until_they_are_reviewed(paper, capsys):
    git(paper.folder, "init", "-q", "-b", "main")
    git(paper.folder, "add", "-A")
    git(paper.folder, "commit", "-qm", "base")
    assert main(["diff", "--base", "main"]) == 0
    paper.change("paper/paper.md", "on the test set", "on every set there is")
    assert main(["sentences", "--accept"]) == 0 and main(["check", "-q"]) == 0
    capsys.readouterr()
    assert main(["diff", "--base", "main"]) == 1
    told = capsys.readouterr().out
    assert "sentence accepted: locked/paper.txt:" in told and "every set" in told and "was" in told
    review = '[[change]]\nkind = "sentence accepted"\nof = "locked/paper.txt:*"\nn = {}\nreason = "read"\n'
    paper.write("claims/reviewed.toml", review.format(2))
    assert main(["diff", "--base", "main"]) == 1
    paper.write("claims/reviewed.toml", review.format(1))
    assert main(["diff", "--base", "main"]) == 0
    assert main(["check", "-q", "--base", "main"]) == 0


def test_a_base_that_is_not_there_is_one_clear_error(paper, capsys):
    assert main(["diff", "--base", "nosuch"]) == 2
    git(paper.folder, "init", "-q", "-b", "main")
    assert main(["diff", "--base", "nosuch"]) == 2
    told = capsys.readouterr().err
    assert "expected a branch or commit" in told and "CalledProcessError" not in told and "Command '[" not in told


def test_a_byte_appended_to_a_committed_figure_is_seen_without_coverage(paper):
    paper.write("figures/a.png", b"drawn")
    assert main(["check", "-q"]) == 1, "not accepted yet"
    assert main(["sentences", "--accept"]) == 0 and main(["check", "-q"]) == 0
    paper.write("figures/a.png", b"drawn.")
    assert main(["check", "-q"]) == 1
    (paper.folder / "figures" / "a.png").unlink()
    assert codes() == (0, 1), "what is not there yet is told by coverage"


def test_a_check_loads_only_what_its_paper_needs(paper):
    code = (
        "import sys; from claimgate.command import main; code = main(['check', '-q']); "
        "print(code, sorted({'numpy', 'jsonschema', 'pypdfium2', 'markdown_it', 'subprocess'} & set(sys.modules)))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=paper.folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout + done.stderr


def test_a_record_behind_a_link_that_leads_out_is_not_read(paper, tmp_path, capsys):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.json").write_text('{"x": [1]}')
    for name, target in (("linked", "elsewhere"), ("linked.json", "elsewhere/a.json")):
        (paper.folder / "results" / name).symlink_to(tmp_path / target)
    paper.write("claims/more.toml", MORE.format("linked/a.json", "linked.json"))
    assert main(["check"]) == 2
    assert capsys.readouterr().out.count("leads out of the folder of records") >= 3


MORE = """
[[claim]]
id = "more.value"
sentence = "A value."
place = "nowhere"
records = ["{}", "{}"]
select = "x"
reduce = "mean"
check = "equals"
stated = "1"
tolerance = "printed"
reason = "printed precision"
"""


def test_hidden_folders_hold_no_records(paper):
    paper.write("results/.ipynb_checkpoints/a.json", '{"x": 1}')
    assert main(["check", "-q"]) == 0
    paper.write("results/deep/er/a.json", '{"x": 1}')
    assert main(["check", "-q"]) == 1, "not sealed"


REDUCED = {"equals": "mean", "rounded_up": "max", "rounded_down": "min"}


@pytest.mark.parametrize(
    ("value", "check", "printed"),
    [
        (2.5, "equals", "2"),
        (3.5, "equals", "4"),
        (-2.5, "equals", "-2"),
        (0.125, "equals", "0.12"),
        (91.35, "equals", "91.4"),
        (0.35, "equals", "0.4"),
        (2.16, "rounded_up", "2.16"),
        (2.161, "rounded_up", "2.17"),
        (-2.161, "rounded_up", "-2.16"),
        (2.17, "rounded_down", "2.17"),
        (2.169, "rounded_down", "2.16"),
    ],
)
def test_of_two_neighbours_one_is_what_a_value_is_printed_as(paper, capsys, value, check, printed):
    unit = Decimal(1).scaleb(Decimal(printed).as_tuple().exponent)
    paper.write("results/a.json", json.dumps({"x": [value]}))
    for stated in (Decimal(printed) - unit, Decimal(printed), Decimal(printed) + unit):
        paper.claim("a.json", "x", str(stated), REDUCED[check], check=check)
        assert paper.explained() == int(stated != Decimal(printed)), stated
    assert ("at the very end" in capsys.readouterr().out) == (check == "equals" or value in (2.16, 2.17))
