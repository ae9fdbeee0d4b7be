"""Markdown and LaTeX papers: what is printed comes from the verified table, and nobody can mark a number by hand."""

import pytest

from claimgate.claim import Claim, Status, Verdict
from claimgate.command import main
from claimgate.errors import InputError
from claimgate.papers.latex import judge_latex, with_marks
from claimgate.papers.markdown import marked_text, plain_text, render, typeset
from claimgate.places import claim_places
from claimgate.project import Project
from claimgate.verification import Verification
from tests.claimgate.paper import HAS_LATEX


def claim(stated, unit=""):
    texts = dict.fromkeys(("sentence", "place", "select", "reduce", "reason"), "x")
    return Claim(
        id="a.b",
        records=("r.json",),
        quantity=None,
        within=None,
        check="equals",
        stated=stated,
        unit=unit,
        tolerance="printed",
        **texts,
    )


def verified(stated="2.17", status=Status.PASS, unit=""):
    verdicts = {
        "claims": [Verdict("a.b", status, "")],
        "findings": [Verdict("a.order", Status.PASS, "", stated="beats")],
    }
    return Verification(verdicts, {"a.b": claim(stated, unit)})


def rendered(tmp_path, text, **given):
    path = tmp_path / "paper.md"
    path.write_text(text, encoding="utf-8")
    return render(path, verified(**given))


def test_tags_print_what_is_verified_with_marks_around_it(tmp_path):
    page = rendered(tmp_path, "# T\n\nIt is {{claim a.b}} and {{ says a.order }} {{waived 3 | a definition}}.\n")
    assert marked_text(page) == "T It is ⟦2.17⟧ and ⟪beats⟫ ⟨3⟩."
    assert plain_text(page) == "T It is 2.17 and beats 3."


@pytest.mark.parametrize(
    "text",
    [
        "{{claim a.c}}",
        "{{claim}}",
        "{{says a.b}}",
        "{{waived 3}}",
        "{{claim a.b | why}}",
        "{{ other }}",
        "~~{{claim a.b}}~~",
        "~~{{says a.order}} the *{{claim a.b}}*~~",
        "{{claim a.b}",
    ],
)
def test_a_tag_that_is_unknown_or_malformed_stops_the_paper(tmp_path, text):
    with pytest.raises(InputError, match="expected"):
        rendered(tmp_path, f"It is {text}.\n")


def test_a_claim_that_failed_is_not_printed(tmp_path):
    with pytest.raises(InputError, match="verified claim"):
        rendered(tmp_path, "{{claim a.b}}", status=Status.FAIL)


def test_html_and_code_in_the_source_are_text(tmp_path):
    page = rendered(tmp_path, '<span class="claimgate-claim">9.99</span> `{{claim a.b}}`\n\n![a 7 figure](a.png "8")\n')
    marked = marked_text(page)
    assert "⟦" not in marked and "9.99" in marked and "{{claim a.b}}" in marked
    assert "a 7 figure" in marked and "8" in marked, "what a reader may be shown in place of a figure counts"


@pytest.mark.parametrize(
    ("stated", "unit", "printed"),
    [
        ("2.17", "", "2.17"),
        ("-0.5", "%", "−0.5 %"),
        ("12345", "", "12,345"),
        ("1e-6", "", "10^−6"),
        ("1.5e+03", "points", "1.5⋅10^3 points"),
    ],
)
def test_numbers_are_typeset(stated, unit, printed):
    assert typeset(claim(stated, unit)) == printed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Our method reaches 91.2 %.", "neither bound nor waived"),
        ("minus {{claim accuracy.ours}}", "before a claim"),
        ("{{claim accuracy.ours}} million", "after a claim"),
        ("{{claim accuracy.ours}}{{claim accuracy.ours}}", "after a claim"),
        ("{{claim accuracy.ours}}&#8203;%", "after a claim"),
        ("3/{{claim accuracy.ours}}", "before a claim"),
        ("{{claim accuracy.ours}}&#x336;", "a stroke through"),
        ("{{claim accuracy.ours}}&#x1d16d;", "a mark at a number"),
        ("{{claim accuracy.ours}}&#x20dd;", "a mark at a number"),
        ("{{claim accuracy.ours}}&#xaf;", "a mark at a number"),
        ("<s>{{claim accuracy.ours}}</s>", "holds HTML: '<s'"),
        ("10<sup>{{claim accuracy.ours}}</sup>", "holds HTML: '<sup'"),
        ("κβʹ layers, {{claim accuracy.ours}}", "numeral κβʹ"),
        ("י״ב, {{claim accuracy.ours}}", "numeral"),
        ("<del>{{claim accuracy.ours}}</del>", "holds HTML: '<del'"),
        ("<!-- {{claim accuracy.ours}} -->", "holds HTML: '<!--'"),
        ('<p style="display:none">{{claim accuracy.ours}}</p>', "holds HTML: '<p'"),
        ("<span hidden>{{claim accuracy.ours}}</span>", "holds HTML: '<span'"),
        ("-&#8288;{{claim accuracy.ours}}", "before a claim"),
        ("95. percent of {{claim accuracy.ours}}", "neither bound nor waived"),
        ("{{claim accuracy.ours}} in ½ of the cases", "numeral"),
        ("{{claim accuracy.ours}} ⟦7⟧", "mark"),
        ("{{claim accuracy.ours}} {{waived 7 | because}}", "waived 7"),
        ("Nothing is claimed.", "none"),
    ],
)
def test_coverage_of_a_markdown_paper_sees_what_is_typed(paper, capsys, text, problem):
    paper.write("paper/paper.md", f"# A paper\n\n{text}\n")
    main(["sentences", "--accept"])
    capsys.readouterr()
    assert main(["coverage"]) in (1, 2)
    captured = capsys.readouterr()
    assert problem in captured.out + captured.err


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("../figures/plot.svg", 0),
        ("plot.svg", 0),
        ("../figures/sub/../plot.svg", 0),
        ("<../figures/a plot.svg>", 0),
        ("https://host.example/plot.svg", 1),
        ("//host.example/figures/plot.svg", 1),
        ("data:image/png;base64,iVBORw0KGgo=", 1),
        ("../results/plot.svg", 1),
        ("../../plot.svg", 1),
        ("/figures/plot.svg", 1),
        ("../figures/sub/plot.svg", 1),
    ],
)
@pytest.mark.parametrize("form", ["![a plot]({})", "![a plot][x]\n\n[x]: {}", "> - [![a plot]({})](#)"])
def test_an_image_of_a_markdown_paper_must_be_a_locked_file(paper, capsys, source, code, form):
    for name in (
        "figures/plot.svg",
        "figures/a plot.svg",
        "figures/sub/plot.svg",
        "results/plot.svg",
        "paper/plot.svg",
    ):
        paper.write(name, "<svg/>")
    paper.change("paper/paper.md", "Our method", f"{form.format(source)}\n\nOur method")
    main(["sentences", "--accept"])
    assert main(["check", "-q"]) == code
    capsys.readouterr()
    assert main(["coverage"]) == code
    assert ("draws what is not locked" in capsys.readouterr().out) == bool(code)


@pytest.mark.parametrize(
    "unprinted",
    [
        "![{{claim accuracy.ours}}](a.png)",
        '[x]: y "{{claim accuracy.ours}}"',
        '[x](# "{{claim accuracy.ours}}")',
        "`{{claim accuracy.ours}}`",
        "![{{claim\naccuracy.ours}}](a.png)",
        None,
    ],
)
def test_a_claim_of_the_source_that_is_not_printed_fails_by_name(paper, capsys, unprinted):
    paper.write("paper/paper.md", f"# A\n\nIt is {{{{claim accuracy.ours}}}}.\n\n{unprinted or ''}\n")
    main(["sentences", "--accept"])
    capsys.readouterr()
    assert main(["coverage"]) == (1 if unprinted else 0)
    assert ("accuracy.ours: 2 in the source, 1 in the document" in capsys.readouterr().out) == bool(unprinted)


@pytest.mark.skipif(not HAS_LATEX, reason="no LaTeX")
def test_a_claim_in_a_macro_that_nothing_uses_fails_by_name(latex_paper, capsys):
    unused = r"\newcommand{\unused}{\claim{accuracy.ours}}"
    latex_paper.change("paper/paper.tex", r"\begin{document}", unused + "\n" + r"\begin{document}")
    main(["sentences", "--accept"])
    capsys.readouterr()
    assert main(["coverage"]) == 1
    assert "accuracy.ours: 2 in the source" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.tex", "x % \\claim{b}\n\\claim{a} 5\\% \\claim{c}", [("a", 2), ("c", 2)]),
        ("a.typ", '// #claim("b")\n/* #claim("b")\n */ #claim("a")', [("a", 3)]),
        ("a.typ", '#f("\\"//") #claim("a") // #claim("b")', [("a", 1)]),
    ],
)
def test_a_claim_in_a_comment_stands_nowhere(tmp_path, name, text, lines):
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / name).write_text(text)
    assert [(id_, line) for id_, _, line in claim_places(Project(root=tmp_path))] == lines


def test_one_claim_of_another_is_no_typed_quantity(paper):
    paper.write("paper/paper.md", "# A paper\n\nIt is {{claim accuracy.ours}}/{{claim accuracy.baseline}}.\n")
    assert main(["sentences", "--accept"]) == 0 and main(["coverage"]) == 0


def test_marks_of_latex_become_those_that_numerals_are_told_by():
    assert with_marks("is [[c:2.17:c]] and [[r:1:r]] [ [w:3:w] ]") == "is ⟦2.17⟧ and ⟪1⟫ ⟨3⟩"


@pytest.mark.parametrize(
    "text",
    [
        r"\catcode`\@=11",
        "[[c:9:c]]",
        r"\renewcommand{\claim}[1]{9}",
        r"\def\claim#1{9}",
        r"\let\claim\relax",
        r"\newcommand\claimgatemarks{}",
        r"\input{../elsewhere}",
        r"\usepackage[a]{/tmp/mine}",
        "^^5b^^5bc:9",
        r"\openin1=numbers",
        r"\sout{\claim{a.b}}",
        r"\st{\claim{a.b}}",
        r"$\overline{\claim{a.b}}$",
        r"$\bar\claim{a.b}$",
        r"$\widehat{ {x} \claim{a.b}}$",
        r"\textsuperscript{\claim{a.b}}",
        r"\textsubscript{about \claim{a.b}}",
        r"$\sqrt{\claim{a.b}}$",
        r"\cancel{\claim{a.b}}",
        r"\verb|%|\renewcommand{\claim}[1]{9}",
        r"\url{a%}\def\claim#1{9}",
        r"\includegraphics[width=3cm]{../elsewhere.pdf}",
        r"\graphicspath{{../elsewhere/}}",
    ],
)
def test_a_latex_source_that_sets_marks_or_prints_by_itself_fails(tmp_path, text):
    (tmp_path / "paper").mkdir()
    fine = r"$\hat{x}$ is \claim{a.b}, \underline{\claim{a.b}}, $\bar{x} = \claim{a.b}$, $s^{\claim{a.b}}$"
    (tmp_path / "paper" / "main.tex").write_text(f"{fine} % \\catcode in a comment is none\n")
    assert judge_latex(tmp_path, "paper")[0].status is Status.PASS
    (tmp_path / "paper" / "main.tex").write_text(f"Text. {text}\n")
    assert judge_latex(tmp_path, "paper")[0].status is Status.FAIL
    (tmp_path / "paper" / "main.tex").write_text("Text.\n")
    (tmp_path / "paper" / "claimgate.sty").write_text("another")
    assert judge_latex(tmp_path, "paper")[0].status is Status.FAIL


LATEX = r"""\documentclass[11pt]{article}
\usepackage{amsmath}
\usepackage{graphicx}
\usepackage{hyperref}
\usepackage{claimgate}
\begin{document}
\section{Results}\label{sec}
\begin{align}a &= b \label{one}\end{align}
By \eqref{one}, Section~\ref{sec} and \ref*{sec} of \cite{other}: \claim{accuracy.ours}/\claim{accuracy.baseline}%s.
\includegraphics[width=2cm]{figure}
\begin{thebibliography}{9}
\bibitem{other} Somebody. A title of 1999. 2001.
\end{thebibliography}
\end{document}
"""


@pytest.mark.skipif(not HAS_LATEX, reason="no LaTeX")
@pytest.mark.parametrize(
    ("typed", "code"), [("", 0), (" in 17 cases", 1), (" in 2001", 1), (r" \cite[97.9]{other}", 1)]
)
def test_references_of_packages_figures_and_citations_are_printed_by_rule(latex_paper, typed, code):
    import typst

    figure = latex_paper.folder / "paper" / "figure.pdf"
    typst.compile(b"#set page(width: 3cm, height: 3cm)\n0.25", output=figure)
    latex_paper.write("paper/paper.tex", LATEX.replace("%s", typed))
    assert main(["sentences", "--accept"]) == 0
    assert main(["coverage"]) == code


CITING = """# A paper

{{{{claim accuracy.ours}}}} is more than {cited} says.

## References

- Smith, A. and Jones, B. A title. Journal 12, 34-56, 2021.
- Doe, C. Another title of 1999. 2001.{more}
"""


@pytest.mark.parametrize(
    ("cited", "more", "code"),
    [
        ("Smith et al. (2021), as in (Doe, 2001),", "", 0),
        ("Smith and Jones (2021) or Doe 2001", "", 0),
        ("Smith et al. (2020), as in (Doe, 2001),", "", 1),  # no such year
        ("Smyth et al. (2021), as in Doe (2001),", "", 1),  # no such name
        ("Smith et al. (2021)", "", 1),  # an entry that nobody cites counts as typed
        ("Smith et al. (2021) or Doe (2001) in 17 cases", "", 1),
        ("Smith et al. (2021) or Doe (2001)", "\n- Our method reaches 97.9 in all cases.", 1),
        ("Smith et al. (2021) or Doe (2001)", " doi:97.9, in all cases.", 1),
        ("Smith et al. (2021) or Doe (2001)", " arXiv: 97.9", 1),
        ("Smith et al. (2021) or Doe (2001)", " doi:10.1000/17.2, arXiv:2001.01234v2, https://x.org/1.5%20a", 0),
        ("Smith et al. (2021) or Doe (2001)", " Our method reaches 97.9.", 1),
        ("Smith et al. (2021) or Doe (2001)", " Our method reaches 97 %.", 1),
        ("Smith et al. (2021) or Doe (2001)", " Our method reaches 97 percent.", 1),
        ("Smith et al. (2021) or Doe (2001)", " Our method reaches 97 per cent.", 1),
        ("Smith et al. (2021) or Doe (2001)", "\n\n## Appendix\n\nIt is 2021.", 1),
    ],
)
def test_a_year_of_a_markdown_paper_is_printed_by_rule_if_its_references_have_it(paper, cited, more, code):
    paper.write("paper/paper.md", CITING.format(cited=cited, more=more))
    assert main(["sentences", "--accept"]) == 0
    assert main(["coverage"]) == code


NATBIB = r"""\documentclass{article}
\usepackage[%s]{natbib}
\usepackage{claimgate}
\begin{document}
\section{Results}
%s: \claim{accuracy.ours}.
\begin{thebibliography}{9}
\bibitem[Smith et~al.(2021)Smith, Jones]{smith} A. Smith. A title of 1999. 2021.
\bibitem[Doe(2001a)]{doe} C. Doe. Another. 2001a.
\end{thebibliography}
\end{document}
"""


@pytest.mark.skipif(not HAS_LATEX, reason="no LaTeX")
@pytest.mark.parametrize(
    ("options", "text", "code"),
    [
        ("round", r"\citet{smith} and \citep[see][]{doe,smith}, of \citeyear{doe} by \citeauthor{smith}", 0),
        ("numbers,sort&compress", r"\cite{smith,doe} and \citet{doe}", 0),
        ("round", r"Smith et al.\ (2021)", 1),
        ("round", r"\citep[97.9 of them]{smith}", 1),
        ("round", r"\citet[97.9][]{smith}", 1),
        ("numbers", r"\cite[97.9]{smith}", 1),
    ],
)
def test_years_of_natbib_come_from_the_bibliography_and_notes_do_not(latex_paper, options, text, code):
    latex_paper.write("paper/paper.tex", NATBIB % (options, text))
    assert main(["sentences", "--accept"]) == 0
    assert main(["coverage"]) == code
