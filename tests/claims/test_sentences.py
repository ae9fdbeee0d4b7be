"""Sentences that were accepted: every word, sign and id is held, where lines break is not."""

import re
import shutil

import pytest

from claimgate.locked.lock import judge_lines, judge_locks
from claimgate.locked.sentences import sentences
from claimgate.locked.sources import document_lines, made_lines, paper_lines, seen_lines
from claimgate.project import Locked
from layercurv.claims.command import main
from layercurv.claims.house import project
from tests.claims.house import MEDIAN, claim_text, gate, write_claims

SECTION = """#import "../claims.typ": claim

= Results

The exponent is not a constant: it rises from #claim("a.stem")
to #claim("a.late") in @depth. It trails Muon by #claim("a.gap").

#figure(
  image("/figures/depth.pdf"),
  caption: [Exponents of all layers. Bars are
    standard errors.],
)
"""
README = "# Layers\n\nAn alpha map takes 122 times less than before.\n\n| a | b |\n| --- | --- |\n| rises | 3 |\n"


@pytest.fixture
def documented(house):
    for name, text in (("paper/sections/results.typ", SECTION), ("paper/references.bib", "@a{b, title = {T}}\n")):
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text(text)
    (house / "README.md").write_text(README)
    (house / "figures").mkdir()
    (house / "figures" / "depth.png").write_bytes(b"drawn")
    assert accept(house) == 0
    assert judge(house) == 0
    return house


def accept(house, *options) -> int:
    paths = ("--claims", f"{house}/claims", "--results", f"{house}/results", "--documents", str(house))
    return main(["sentences", *paths, "--accept", *options])


def judge(house) -> int:
    return gate(house, "--documents", str(house), "-q")


CHANGES = [
    ("paper/sections/results.typ", "is not a constant", "is a constant"),
    ("paper/sections/results.typ", "rises", "falls"),
    ("paper/sections/results.typ", "trails", "beats"),
    ("paper/sections/results.typ", "a.stem", "a.late"),
    ("paper/sections/results.typ", 'by #claim("a.gap")', 'by −#claim("a.gap")'),
    ("paper/sections/results.typ", 'by #claim("a.gap")', 'by 0.#claim("a.gap")'),
    ("paper/sections/results.typ", 'claim("a.gap").', 'claim("a.gap") million.'),
    ("paper/sections/results.typ", 'claim("a.gap")', 'claim("a.gap", unit: false)'),
    ("paper/sections/results.typ", "standard errors", "standard deviations"),
    ("paper/sections/results.typ", ": claim", ": claim, waived"),
    ("paper/sections/results.typ", "to #claim", "// to #claim"),
    ("paper/references.bib", "{T}", "{T is false}"),
    ("README.md", "122", "922"),
    ("README.md", "less", "more"),
    ("README.md", "| rises |", "| falls |"),
    ("claims/test.toml", "median alpha is", "median alpha is not"),
    ("claims/test.toml", "printed precision", "any precision"),
]


@pytest.mark.parametrize(("name", "old", "new"), CHANGES)
def test_whatever_is_written_differently_fails_until_it_is_accepted(documented, name, old, new):
    path = documented / name
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))
    assert judge(documented) == 1
    assert accept(documented) == 0 and judge(documented) == 0


def test_a_figure_that_looks_different_is_found(documented):
    """It may be gone before it is drawn: then the gate says nothing of it, and `coverage` does afterwards."""
    figure = documented / "figures/depth.png"
    kept = figure.read_bytes()
    figure.unlink()
    assert judge(documented) == 0
    figure.write_bytes(kept + b"x")
    assert judge(documented) == 1
    made = made_lines(documented, project().locked)
    assert "typed" not in made  # what no paper was compiled for is neither judged nor accepted
    (verdict,) = judge_locks(documented / "claims", made)
    assert verdict.status.value == "fail" and "depth.png" in verdict.detail


def test_lines_may_break_elsewhere(documented):
    path = documented / "paper/sections/results.typ"
    path.write_text(SECTION.replace("exponent is not", "exponent\nis   not"))
    assert judge(documented) == 0


def test_the_end_of_a_comment_is_a_character():
    before, after = "It rises // see below\nfrom two.", "It rises // see below from two."
    assert sentences(before) != sentences(after)


@pytest.mark.parametrize(
    "text",
    [
        '#show "rises": "falls"',
        '#{\nshow regex("rises"): [falls]\n}',
        '#import "more.typ": claim',
        '#import "@preview/a:0.1.0": b',
        '#import "../claims.typ": by_rule',
        '#import "../claims.typ": *',
        '#if sys.inputs.at("marks", default: "") == "on" [2] else [9]',
        '#eval("9")',
        '#json("/x.json").a',
        "\\u{2212}",
        "⟦9.9⟧",
        "#context 9",
        "#hide[not]",
    ],
)
def test_what_a_section_may_not_do_is_not_right_if_it_is_accepted(documented, text):
    path = documented / "paper/sections/results.typ"
    path.write_text(SECTION + text + "\n")
    assert accept(documented) == 0 and judge(documented) == 1


def test_new_and_lost_texts_fail(documented):
    new = documented / "paper/sections/more.typ"
    new.write_text("#let claim(id) = [9]")
    assert judge(documented) == 1
    new.unlink()
    assert judge(documented) == 0
    (documented / "paper/sections/results.typ").unlink()
    assert judge(documented) == 1


def test_what_is_false_is_not_accepted(documented, capsys):
    write_claims(documented, claim_text(stated="9.999"))
    assert accept(documented) == 2
    assert "expected claims that hold" in capsys.readouterr().err


def test_nothing_accepted_is_a_failure(documented):
    shutil.rmtree(documented / "claims" / "locked")
    assert judge(documented) == 2


def test_how_many_values_a_claim_rests_on_is_accepted_too(documented):
    write_claims(documented, claim_text(stated=MEDIAN, select="measurements.layers[?kind=='conv'][]"))
    assert judge(documented) == 1


def test_only_some_claims_are_judged_where_only_some_are_asked(documented):
    assert gate(documented, "--documents", str(documented), "--only", "test.median*", "-q") == 0
    write_claims(documented, claim_text(stated=MEDIAN, sentence="At small scale, alpha is other."))
    assert gate(documented, "--documents", str(documented), "--only", "test.median*", "-q") == 1


def test_the_difference_is_shown_before_it_is_accepted(documented, capsys):
    path = documented / "README.md"
    path.write_text(README.replace("122", "922"))
    capsys.readouterr()
    paths = ("--claims", f"{documented}/claims", "--results", f"{documented}/results", "--documents", str(documented))
    assert main(["sentences", *paths]) == 1
    out = capsys.readouterr().out
    assert "- README.md\tAn alpha map takes 122 times" in out and "+ README.md\tAn alpha map takes 922 times" in out
    assert accept(documented) == 0
    assert main(["sentences", *paths]) == 0 and capsys.readouterr().out.endswith("no change\n")


def test_a_file_under_way_is_not_seen(tmp_path):
    for name in ("depth.pdf", ".depth.pdf.0-1.x.part"):
        (tmp_path / name).write_text("drawn")
    assert [name for name, _ in seen_lines(tmp_path, Locked(seen=("*",)))] == ["depth.pdf"]


def test_every_word_of_our_paper_and_documents_is_held(root):
    """Each word of each text left out, one at a time: a sample of all."""
    for read, name in ((paper_lines, "paper"), (document_lines, "documents"), (seen_lines, "made")):
        lines = read(root, project().locked)
        assert judge_lines(root / "claims", name, lines).status.value == "pass"
        for index in range(0, len(lines), 37):
            place, sentence = lines[index]
            changed = [*lines[:index], (place, re.sub(r"\S+$", "", sentence)), *lines[index + 1 :]]
            assert judge_lines(root / "claims", name, changed).status.value == "fail"
