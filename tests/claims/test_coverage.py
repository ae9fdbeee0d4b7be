"""Numerals of a document: bound, waived, exempt by rule, or found out."""

import functools
import random
import re
import string
import subprocess
import sys
from collections import Counter

import pypdf
import pytest

from claimgate import coverage
from claimgate.coverage import Coverage, measure_coverage, names_of, tell_numerals
from claimgate.locked.lock import accept_lines
from claimgate.locked.sources import made_lines, written_lines
from claimgate.pdf_text import pdf_text
from claimgate.typed import load_exemptions
from layercurv.claims.command import main
from layercurv.claims.house import project
from layercurv.errors import InputError
from tests.claims.house import claim_text

# In a process of its own: the compiler's threads do not survive a fork, and mutation testing forks.
COMPILE = "import sys, typst; sys.stdout.buffer.write(typst.compile(sys.stdin.buffer.read(), ignore_system_fonts=True))"
NAMES = re.compile(r"(?<![\w.])(?:CIFAR-\d+)(?!\w)")


@functools.cache
def pdf_of(text: str) -> bytes:
    return subprocess.run([sys.executable, "-c", COMPILE], input=text.encode(), capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    ("text", "bound", "waived", "exempt", "n_uncovered"),
    [
        ("alpha is ⟦2.41⟧ here", 1, 0, {}, 0),
        ("alpha is ⟦1.5⋅10−6⟧ and ⟦3⟧", 2, 0, {}, 0),
        ("alpha is 2.41 here", 0, 0, {}, 1),
        ("⟨64⟩ channels", 0, 1, {}, 0),
        ("⦃σ2⦄ and ⦃10⦄", 0, 0, {"formula": 1}, 1),
        ("⟪Section ⟪3.1⟫⟫ and page ⟪12⟫", 0, 0, {"rule": 2}, 0),
        ("⦃k = ⟦20⟧⦄", 1, 0, {}, 0),
        ("⦃12⦄ ⦃1.5⦄", 0, 0, {}, 2),
        ("⦃1⦄ ⦃2⦄ 3", 0, 0, {"formula": 2}, 1),
        ("⟬C021⟭ ⟬1.97⟭ 3", 0, 0, {}, 1),
        ("⟦⦃10−6⦄⟧", 1, 0, {}, 0),
        ("⟪⦃10⦄⟫", 0, 0, {"rule": 1}, 0),
        ("⦃⟨16⟩⦄", 0, 1, {}, 0),
        ("⟨1.0 to 1.8, of 50,000⟩", 0, 3, {}, 0),
        ("⟨about half⟩ and ⟦none⟧", 1, 0, {}, 0),
        ("on CIFAR-10 and CIFAR-100x", 0, 0, {"name": 1}, 1),
        ("as shown [3], ⟪[12]⟫", 0, 0, {"rule": 1}, 1),
        ("of 50,000 and 1.5.", 0, 0, {}, 2),
        ("no number at all", 0, 0, {}, 0),
    ],
)
def test_each_numeral_is_told_by_the_marks_around_it(text, bound, waived, exempt, n_uncovered):
    found = tell_numerals(text, NAMES)
    assert (found.bound, found.waived, len(found.uncovered)) == (bound, waived, n_uncovered)
    assert found.exempt == {"formula": 0, "rule": 0, "name": 0} | exempt


def test_cells_of_audited_rows_are_counted_apart():
    assert tell_numerals("⟬C021⟭ ⟬1.97 … 2.5⟭ ⟬supported⟭ ⟦3⟧", NAMES).audited == 3


def test_an_uncovered_numeral_is_shown_with_its_surroundings_and_without_marks():
    (found,) = tell_numerals("x" * 40 + "⟦1⟧ about 50,000 of ⟦2⟧ them " + "y" * 40, NAMES).uncovered
    assert "1 about 50,000 of 2 them" in found and "⟦" not in found and len(found) < 75


@pytest.mark.parametrize("text", ["⟦1", "1⟧", "⟦1⟩", "⟦⟨1⟧⟩", "⟪"])
def test_marks_must_close_in_order(text):
    with pytest.raises(InputError, match="mark"):
        tell_numerals(text, NAMES)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (Coverage(19, 7, 1, {}, [], ""), {"waivers"}),
        (Coverage(20, 7, 1, {}, [], ""), set()),
        (Coverage(20, 7, 0, {}, ["about 5"], ""), {"numerals"}),
        (Coverage(0, 7, 0, {}, [], ""), {"claims printed"}),
        (Coverage(20, 7, 0, {}, [], "only in the paper: '5'"), {"marked document"}),
    ],
)
def test_every_rule_can_fail(found, wrong):
    assert {verdict.subject for verdict in found.verdicts() if verdict.status.value != "pass"} == wrong


def test_the_share_of_waivers_is_that_of_what_states_something():
    assert Coverage(8, 7, 1, {"name": 50}, ["x"], "").waived_share == pytest.approx(0.1)
    assert Coverage(0, 7, 0, {}, [], "").waived_share == pytest.approx(0.0)


def test_names_are_plain_texts_with_places_for_digits(tmp_path):
    path = tmp_path / "numerals.toml"
    path.write_text(
        '[[name]]\ntext = ["ResNet-#", "# × #", "a.#+"]\nreason = "r"\nat_most = 1\n'
        '[[name]]\ntext = ["#K", "VGG-11"]\nreason = "s"\nat_most = 2\n'
    )
    names = names_of(load_exemptions(path))
    for text in ("ResNet-18", "ResNet-101", "3 × 3", "3× 3", "a.5+", "1K", "VGG-11"):
        assert names.fullmatch(text), text
    for text in ("ResNet-x", "aX5+", "18", "VGG-16"):
        assert not names.fullmatch(text), text
    assert not names.search("MyResNet-18") and not names.search("ResNet-18b")
    path.write_text("")
    assert not names_of(load_exemptions(path)).search("anything 5")


BAD_NAMES = [
    "x = 1",
    "name = 1",
    '[[name]]\ntext = ["a#"]',
    '[[name]]\ntext = ["a#"]\nreason = "r"',
    '[[name]]\ntext = ["a#"]\nreason = "r"\nat_most = 0',
    '[[name]]\ntext = ["a#"]\nreason = "r"\nat_most = true',
    '[[name]]\ntext = "a#"\nreason = "r"\nat_most = 1',
    '[[name]]\ntext = []\nreason = "r"\nat_most = 1',
    '[[name]]\ntext = ["no place"]\nreason = "r"\nat_most = 1',
    '[[name]]\ntext = ["#"]\nreason = "r"\nat_most = 1',
    '[[name]]\ntext = ["#.#"]\nreason = "r"\nat_most = 1',
    '[[name]]\ntext = ["# %"]\nreason = "r"\nat_most = 1',
    '[[name]]\ntext = ["2.97"]\nreason = "r"\nat_most = 1',
    '[[name]]\ntext = ["a#"]\nreason = ""\nat_most = 1',
    '[[word]]\ntext = ["two"]\nreason = "r"\nat_most = 1',
]


@pytest.mark.parametrize("text", BAD_NAMES)
def test_a_malformed_list_of_names_is_refused(tmp_path, text):
    path = tmp_path / "numerals.toml"
    path.write_text(text)
    with pytest.raises(InputError):
        load_exemptions(path)


@pytest.fixture
def compiled(tmp_path):
    """A paper with one bound number, and the command's options for it."""
    (tmp_path / "numerals.toml").write_text("")

    def compile_paper(plain: str, marked: str) -> list[str]:
        for name, text in (("paper", plain), ("marked", marked)):
            (tmp_path / f"{name}.pdf").write_bytes(pdf_of(text))
        return [
            "coverage",
            "--claims",
            str(tmp_path),
            "--paper",
            f"{tmp_path}/paper.pdf",
            "--marked",
            f"{tmp_path}/marked.pdf",
        ]

    return compile_paper


@pytest.mark.parametrize(
    ("plain", "marked", "code"),
    [
        ("alpha is 2.41 here", "alpha is ⟦2.41⟧ here", 0),
        ("alpha is 2.41 here", "alpha is 2.41 here", 1),
        ("alpha is 2.42 here", "alpha is ⟦2.41⟧ here", 1),
        ("alpha is 2.41, of 5", "alpha is ⟦2.41⟧", 1),
    ],
)
def test_the_compiled_document_is_what_is_checked(compiled, plain, marked, code):
    assert main(compiled(plain, marked)) == code


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A built paper that prints one number, 2, where the commands look for it."""
    for folder, name, text in (("paper", "layercurv", "2"), ("build", "marked", "⟦2⟧"), ("claims", "numerals", "")):
        (tmp_path / folder).mkdir()
        ending, content = ("toml", b"") if folder == "claims" else ("pdf", pdf_of(text))
        (tmp_path / folder / f"{name}.{ending}").write_bytes(content)
    state(tmp_path, "2")
    monkeypatch.setattr("layercurv.files.ROOT", tmp_path)
    return tmp_path


def state(checkout, stated: str) -> None:
    records = ["alpha_map/net_seed0.small.json"]
    (checkout / "claims" / "test.toml").write_text(claim_text(stated=stated, records=records))


def accept_all(checkout) -> None:
    for name, lines in (written_lines(checkout, project().locked) | made_lines(checkout, project().locked)).items():
        accept_lines(checkout / "claims", name, lines)


def test_the_command_looks_where_the_build_puts_things(checkout, capsys):
    assert main(["coverage"]) == 2, "no sentence was accepted"
    accept_all(checkout)
    assert main(["coverage"]) == 0
    out = capsys.readouterr().out
    assert "1 bound to claims, 0 to audited rows, 0 waived" in " ".join(out.split()) and out.endswith(
        "coverage: 6 pass; sentences: 4 pass; exit 0\n"
    )


def test_the_command_tells_a_claim_of_the_source_that_is_not_printed(checkout, capsys):
    for text, code in (('It is #claim("test.median_alpha").', 0), ('#let unused = [#claim("test.median_alpha")]\n', 1)):
        source = checkout / "paper" / "main.typ"
        source.write_text((source.read_text() if source.is_file() else "") + text + "\n\n")
        accept_all(checkout)
        assert main(["coverage"]) == code
    assert "test.median_alpha: 2 in the source, 1 in the document" in " ".join(capsys.readouterr().out.split())


def test_a_missing_or_broken_pdf_exits_2(tmp_path, compiled, capsys):
    options = compiled("2", "⟦2⟧")
    (tmp_path / "paper.pdf").write_text("no pdf")
    assert main(options) == 2
    assert "expected a PDF" in capsys.readouterr().err
    (tmp_path / "paper.pdf").unlink()
    assert main(options) == 2
    assert "run `make paper` first" in capsys.readouterr().err


def test_text_comes_out_on_one_line(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf_of("one\n\ntwo #pagebreak() three"))
    assert pdf_text(tmp_path / "a.pdf") == "one two three"


def test_every_digit_of_the_paper_is_read_as_by_another_reader(root):
    paper = root / "paper" / "layercurv.pdf"
    expected = "".join(page.extract_text() for page in pypdf.PdfReader(paper).pages)
    found, expected = (Counter(filter(str.isdigit, text)) for text in (pdf_text(paper), expected))
    assert found == expected and found.total() > 5000


def test_what_the_two_documents_do_not_share_is_told(tmp_path, compiled):
    compiled("alpha is 7", "alpha is ⟦8⟧")
    found = measure_coverage(tmp_path / "paper.pdf", tmp_path / "marked.pdf", tmp_path)
    assert found.differing == "only in the paper: '7', only with marks: '8'"


TEXT = "".join(random.Random(0).choices(string.ascii_lowercase + string.digits, k=4000))


def with_moved(start: int, end: int, to: int) -> str:
    return TEXT[:start] + TEXT[end:to] + TEXT[start:end] + TEXT[to:]


@pytest.mark.parametrize("moved", [(1000, 1300, 2500), (1000, 1010, 1100), (10, 3000, 3900)])
def test_a_figure_or_a_page_break_may_stand_elsewhere_with_marks(moved):
    assert coverage._differing(TEXT, with_moved(*moved)) == coverage._differing(with_moved(*moved), TEXT) == ""


@pytest.mark.parametrize("start", [0, 1500, 3998])
def test_neighbours_that_changed_places_are_told(start):
    swapped = with_moved(start, start + 1, start + 2)
    assert swapped != TEXT and "in another order" in coverage._differing(TEXT, swapped)


def test_what_is_marked_as_a_claim_is_what_a_claim_states(tmp_path, compiled):
    compiled("alpha is 2.17", "alpha is ⟦2.17⟧")
    pdfs = tmp_path / "paper.pdf", tmp_path / "marked.pdf"
    assert not measure_coverage(*pdfs, tmp_path, {"2.17", "9.1"}).objections
    (told,) = measure_coverage(*pdfs, tmp_path, {"2.18", "9.1"}).objections
    assert "2.17" in told


def test_the_command_knows_what_the_claims_state(checkout, capsys):
    accept_all(checkout)
    assert main(["coverage"]) == 0
    state(checkout, "3")
    accept_all(checkout)
    capsys.readouterr()
    assert main(["coverage"]) == 1
    assert "2" in capsys.readouterr().out
