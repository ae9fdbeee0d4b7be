"""What is printed so that nobody reads it, or reads it as withdrawn: each way, in Typst and in LaTeX, fails."""

import pytest

from claimgate.command import main
from tests.claimgate.paper import HAS_LATEX

TYPST = '#claim("accuracy.ours")'


def coverage_says(paper, capsys):
    main(["sentences", "--accept"])
    capsys.readouterr()
    code = main(["coverage"])
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TYPST, None),
        ("#text(fill: rgb(60, 60, 60))[{}]", None),
        ("#underline[{}]", None),
        ("#rect(fill: black, text(fill: white)[{}])", None),
        ("#text(fill: white)[{}]", "not seen"),
        ("#box[{}#place(top + right, rect(fill: white, width: 0.9em, height: 1em))]", "not seen"),  # the percent sign
        ("#text(fill: rgb(0, 0, 0, 2%))[{}]", "not seen"),
        ("#text(size: 0.4pt)[{}]", "page 1"),
        ("#text(size: 0.9pt, weight: 900)[{}]", "too small"),
        ("#text(size: 3.9pt)[{}]", "too small"),
        ("#text(size: 4pt)[{}]", None),
        ("#text(fill: luma(212))[{}]", "not seen"),
        ("#text(fill: luma(150))[{}]", None),
        (
            "#box[{}#place(bottom + left, dx: .945em, dy: 1pt, rect(width: .22em, height: .25em, fill: white))]",
            "page 1: ",
        ),
        ("#scale(3%, reflow: true)[{}]", "text"),
        ("#strike[{}]", "struck out"),
        ("#hide[{}]", "hide"),
        ("#place(dx: 90cm)[{}]", "not seen"),
        ("#box(width: 0pt, clip: true)[{}]", "no verified claim prints it"),
        ("#box[{}#place(top + left, rect(fill: white, width: 100%, height: 1em))]", "not seen"),
        ("#box[{}#place(top + left, rect(fill: gray, width: 100%, height: 2em))]", "not seen"),
        ("#box[{}#place(horizon + left, line(length: 100%))]", "struck out"),
        ("#box[{}#place(horizon + left, rect(height: 0.5pt, fill: black, width: 100%))]", "struck out"),
    ],
)
def test_a_claim_of_a_typst_paper_that_is_not_read_fails(typst_paper, capsys, text, problem):
    body = text.replace("{}", TYPST)
    typst_paper.change("paper/main.typ", f"Our method reaches {TYPST}", f"Our method reaches {body}")
    code, told = coverage_says(typst_paper, capsys)
    assert code == (0 if problem is None else 1), told
    assert problem is None or problem in told


def test_a_claim_that_typst_never_reaches_fails_by_name(typst_paper, capsys):
    unused = f"#let unused = [{TYPST}]\n\nOur method reaches {TYPST}"
    typst_paper.change("paper/main.typ", f"Our method reaches {TYPST}", unused)
    code, told = coverage_says(typst_paper, capsys)
    assert code == 1 and "accuracy.ours: 2 in the source, 1 in the document" in told


@pytest.mark.skipif(not HAS_LATEX, reason="no LaTeX")
@pytest.mark.parametrize(
    ("packages", "text", "problem"),
    [
        ("", r"\underline{CLAIM}", None),
        ("xcolor", r"\textcolor{blue}{CLAIM}", None),
        ("xcolor", r"\textcolor{white}{CLAIM}", "not seen"),
        ("xcolor", r"{\color{white!97!black}CLAIM}", "not seen"),
        ("", r"\phantom{CLAIM}", "claims printed"),
        ("graphicx", r"\scalebox{0.02}{CLAIM}", "text"),
        ("", r"\rlap{CLAIM}\rule[0.5ex]{2cm}{0.4pt}", "struck out"),
        ("", r"CLAIM\llap{\rule[-1ex]{2cm}{4ex}}", "text"),
        ("", r"\hskip 60cm\hbox{CLAIM}", "not seen"),
        ("", r"\hbox to 0pt{\hskip 60cm CLAIM\hss}", "not seen"),
    ],
)
def test_a_claim_of_a_latex_paper_that_is_not_read_fails(latex_paper, capsys, packages, text, problem):
    used = rf"\usepackage{{{packages}}}" if packages else ""
    latex_paper.change("paper/paper.tex", r"\usepackage{claimgate}", r"\usepackage{claimgate}" + used)
    source = latex_paper.folder / "paper" / "paper.tex"
    body = text.replace("CLAIM", r"\claim{accuracy.ours}")
    only = "phantom" in text  # nothing else is printed: then none is
    start = source.read_text().partition("Our method")[0]
    source.write_text(start + f"Our method reaches {body}{'' if only else ' and'} .\n\\end{{document}}\n")
    code, told = coverage_says(latex_paper, capsys)
    assert code == (0 if problem is None else 1), told
    assert problem is None or problem in told
