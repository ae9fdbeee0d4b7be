"""Ways to make a paper under the gate say another number, each accepted by whoever attacks: all fail."""

import pytest

from claimgate.closed_toml import NUMERALS
from claimgate.command import main
from claimgate.errors import InputError
from claimgate.papers.bibliography import results_in
from claimgate.papers.latex import judge_latex
from claimgate.typed import load_exemptions
from tests.claimgate.test_drawn_over import CLAIM as TYPST
from tests.claimgate.test_drawn_over import coverage_says

MARKDOWN = "{{claim accuracy.ours}}"
# What touches or stands beside a claim; `{}` is the claim.
BESIDE = {
    "a letter that reads as one": "l{}",
    "a stroke that reads as one": "\\|{}",
    "a letter that reads as nought": "{}O",
    "letters that read as a percentage": "lOO % and {}",
    "letters that read as a number": "IOO and {}",
    "parts per million": "{} ppm",
    "basis points": "{} basis points",
    "per ten thousand": "{}‱",
    "thousands": "{} k",
    "millions": "{} M",
    "a factorial": "{}! of",
    "squared": "{} squared",
    "a fold": "{}-fold",
    "percentage points": "{} percentage points",
    "of one percent": "{} of one percent",
    "to a power": "{} to the power of n",
    "a root": "the square root of {}",
    "an inverse": "the inverse of {}",
    "a logarithm": "the logarithm of {}",
    "an exponent of ten": "ten to the {}",
    "hundreds more": "one hundred and {}",
    "twenty more": "twenty-{}",
    "a percent sign of another width": "{}％",
    "a small percent sign": "{}﹪",
    "an Arabic percent sign": "{}٪",
    "an Arabic per mille": "{}؉",
    "a minus in a circle": "⊖{}",
    "a minus with a dot": "∸{}",
    "a minus of a list": "⁃{}",
    "a negation": "¬{}",
    "no one knows which sign": "±{}",
    "a fraction": "{}⁄x",
    "a ratio": "{}∶x",
    "a ratio by a colon": "{}:x",
    "a comma of another script": "{}٫",
    "a line below": "{}_n",
    "a stroke": "{}\\\\x",
    "Russian thousands": "{} тысяч",
    "Russian percent": "{} процентов",
    "Hindi hundred thousands": "{} लाख",
    "a Chinese minus": "负{}",
    "a Japanese minus": "マイナス{}",
    "a clock": "🕒 {}",
    "a medal": "🥉 {}",
}


@pytest.mark.parametrize("text", BESIDE.values(), ids=BESIDE)
def test_what_is_read_with_a_claim_fails(paper, text):
    paper.change("paper/paper.md", MARKDOWN, text.replace("{}", MARKDOWN))
    assert main(["sentences", "--accept"]) == 0
    assert main(["coverage"]) == 1


FINE = [
    "({}), “{}”, {}; {}: {} and {}/{}, according to the {}, = {}, {}†, {}* and {}, in five, {}",
    "a root mean square of {} against {} ± {}, I {} and {} l",
]


@pytest.mark.parametrize("text", FINE)
def test_what_stands_beside_a_claim_otherwise_is_fine(paper, text):
    paper.change("paper/paper.md", MARKDOWN, text.replace("{} l", "{}").replace("I {}", "{}").replace("{}", MARKDOWN))
    assert main(["sentences", "--accept"]) == 0
    assert main(["coverage"]) == 0


DRAWN = {
    "digits over one another": (f"#text(tracking: -.3em)[{TYPST}]", "laid over"),
    "over the word before it": (f"#h(-.62em){TYPST}", "laid over"),
    "squeezed": (f"#box(scale(x: 5%, reflow: true)[{TYPST}])", "page 1"),
    "cut off": (f"#box(height: .4em, clip: true)[{TYPST}]", "not seen"),
    "formulas that read as one": (f"$3$$2$ {TYPST}", "read as one"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_as_another_number_fails(typst_paper, capsys, name):
    text, problem = DRAWN[name]
    code, told = coverage_says(typst_paper, capsys, text)
    assert code == 1 and problem in told, told


@pytest.mark.parametrize("text", ["reaches #.# %", "of # layers", "model #"])
def test_a_name_that_is_any_number_after_a_word_is_refused(tmp_path, text):
    (tmp_path / NUMERALS).write_text(f'[[name]]\ntext = ["{text}"]\nreason = "r"\nat_most = 5\n')
    with pytest.raises(InputError, match="in a word with letters"):
        load_exemptions(tmp_path / NUMERALS)


def test_names_with_numbers_are_names(tmp_path):
    (tmp_path / NUMERALS).write_text(
        '[[name]]\ntext = ["ResNet-#", "#.#.#", "#.#.s", "95 % intervals"]\nreason = "r"\nat_most = 5\n'
    )
    assert len(load_exemptions(tmp_path / NUMERALS)) == 1


@pytest.mark.parametrize(
    "text",
    [
        r"\RenewDocumentCommand{\claim}{m}{9}",
        r"\NewCommandCopy{\kept}{\claim}",
        r"\AddToHook{cmd/claim/before}{9}",
        r"\renewenvironment{claim}{9}{}",
        r"\pretocmd{\claim}{9}{}{}",
        r"\futurelet\claim\x",
        r"\chardef\claim=57",
        r"\cs_set:Npn \claim #1 {9}",
        r"\pdfliteral{BT (9) Tj ET}",
        r"\special{pdf: content BT (9) Tj ET}",
        r"\pdfxform0",
        r"\mathcode`9=`7",
        r"\lccode`9=`7 \lowercase{9}",
        r"\DeclareUnicodeCharacter{2013}{9}",
        r"\begin{thebibliography}{9}\bibitem{a} We reach 97.9 here.\end{thebibliography}",
    ],
)
def test_a_latex_source_that_prints_behind_the_gate_fails(tmp_path, text):
    from claimgate.claim import Status

    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "main.tex").write_text(r"\claim{a.b} \bibitem{x} A title of 1999. 12, 34." + "\n")
    assert judge_latex(tmp_path, "paper")[0].status is Status.PASS
    (tmp_path / "paper" / "main.tex").write_text(f"Text. {text}\n")
    assert judge_latex(tmp_path, "paper")[0].status is Status.FAIL


@pytest.mark.parametrize("field", ["note = {We reach 97.9}", "publisher = {97 \\% of us}", 'author = "97 per cent"'])
def test_a_result_in_a_bibliography_fails(typst_paper, field):
    entry = "@article{smith,\n  title = {GPT-3.5, 99%},\n  year = {2021},\n  volume = {1.2},\n  doi = {10.1/2.3}"
    typst_paper.write("paper/some.bib", f"{entry}\n}}\n")
    main(["sentences", "--accept"])
    assert main(["check", "-q"]) == 0
    typst_paper.write("paper/some.bib", f"{entry},\n  {field}\n}}\n")
    assert list(results_in("some.bib", f"{entry},\n  {field}\n}}\n"))
    main(["sentences", "--accept"])
    assert main(["check", "-q"]) == 1


def test_a_record_that_is_another_ones_bytes_is_one_measurement(paper, capsys):
    content = (paper.folder / "results" / "accuracy.csv").read_bytes()
    paper.write("results/more/accuracy.csv", content)
    assert main(["seal"]) == 0
    capsys.readouterr()
    assert main(["check"]) == 1 and "the same bytes as accuracy.csv" in capsys.readouterr().out
    paper.write("results/more/accuracy.csv", content + b"ours,3,0.912\n")
    assert main(["seal"]) == 0 and main(["check", "-q"]) == 0
