"""How a claim is set: raised, lowered, under a line, with a letter raised at it, in a drawing, turned by a quarter."""

import subprocess

import pytest

from claimgate.command import main
from claimgate.papers.typst_source import without_comments
from tests.claimgate.test_drawn_over import CLAIM, GAP, coverage_says, drawn_on  # ruff: ignore[unused-import] - a fixture

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20"><text y="15">a</text></svg>'
SHORT = '#claim("accuracy.ours", unit: false)'
SET = {
    "under a line": (f"#overline[{CLAIM}]", "a line over"),
    "under a line that is longer": (f"#overline(extent: 3pt)[{CLAIM}]", "a line over"),
    "under a line further up": (f"#overline(offset: -1em)[{CLAIM}]", "a line over"),
    "under a line by another name": (f"#let best = overline\n#best[{CLAIM}]", "a line over"),
    "under a line with a word": (f"#overline[and {CLAIM}]", "a line over"),
    "under a line of a formula": (f"$ overline({CLAIM}) $", "a line over"),
    "under a line drawn by hand": (f"#box(stroke: (top: .5pt), inset: (top: 1.5pt))[{CLAIM}]", "a line over"),
    "turned, under a line": (f"#rotate(-90deg, reflow: true)[#overline[{CLAIM}]]", "a line over"),
    "raised": (f"#super[{CLAIM}]", "raised or lowered beside"),
    "raised by its size": (f"#super(typographic: false)[{CLAIM}]", "raised or lowered beside"),
    "raised by hand": (f"#text(size: .5em, baseline: -.5em)[{CLAIM}]", "raised or lowered beside"),
    "lowered": (f"#sub[{CLAIM}]", "raised or lowered beside"),
    "struck": (f"#strike[{CLAIM}]", "struck out"),
    "a letter raised at it": (f"{SHORT}#super[n]", "a letter raised"),
    "a letter lowered at it": (f"{SHORT}#sub[b]", "a letter raised"),
    "a letter raised at it in a formula": (f"${SHORT}^n$", "a letter raised"),
    "a hat": (f"$ hat({CLAIM}) $", "a mark at a number"),
    "a mark that takes room": (f"{CLAIM}\U0001d16d", "FAIL"),
    "slanted": (f"#rotate(40deg, reflow: true)[{CLAIM}]", "turned by no quarter"),
}
FINE = {
    "underlined": f"#underline[{CLAIM}]",
    "an exponent of a formula": f"$s^{SHORT}$",
    "below a fraction bar": f"$ a / ({SHORT}) $",
    "a product": f"$x_n {SHORT} y$",
    "a star": f"{CLAIM}#super[∗]",
    "small": f"#text(size: .7em)[as {CLAIM}]",
    "in a table of rules": f"#table(columns: 1, stroke: none, table.hline(), [a], table.hline(), [{CLAIM}])",
    "turned by a quarter": f"#rotate(-90deg, reflow: true)[{CLAIM} and #box(fill: yellow)[{CLAIM}]]",
    "a turned table": f"#rotate(90deg, reflow: true)[#table(columns: 2)[{CLAIM}][a][b][{CLAIM}]]",
}
TURNED = {
    "a line before it": f"#box[{CLAIM}#place(top + left, dx: -.6em, dy: .3em, line(length: .5em, stroke: .6pt))]",
    "a line through it": f"#box[{CLAIM}#place(top + left, dy: .3em, line(length: 2em, stroke: .6pt))]",
    "a minus that the text has after it": f"{CLAIM}#box[#place(dx: -3.2em, dy: -.6em)[−]]",
    "a dot in it": f"#box[{CLAIM}#place(bottom + left, dx: .46em, circle(radius: .06em, fill: black))]",
    "too faint": f"#text(fill: luma(220))[{CLAIM}]",
}


@pytest.mark.parametrize("name", SET)
def test_a_claim_that_its_setting_makes_another_number_fails(typst_paper, capsys, name):
    text, problem = SET[name]
    code, told = coverage_says(typst_paper, capsys, text)
    assert code == 1 and problem in told.replace("\n", " "), told


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_other_settings_leave_a_claim_as_it_is(typst_paper, capsys, text):
    code, told = coverage_says(typst_paper, capsys, text)
    assert code == 0, told


@pytest.mark.parametrize("angle", [90, -90])
@pytest.mark.parametrize("name", TURNED)
def test_what_is_drawn_at_a_claim_that_is_turned_by_a_quarter_is_judged(typst_paper, capsys, name, angle):
    code, told = coverage_says(typst_paper, capsys, f"#rotate({angle}deg, reflow: true)[{GAP}{TURNED[name]}]")
    assert code == 1 and "page 1" in told, told


def test_an_underline_is_locked_and_told(typst_paper, capsys):
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "base"]):
        person = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *person, *words], cwd=typst_paper.folder, check=True, capture_output=True)
    typst_paper.change("paper/main.typ", CLAIM, f"#underline[{CLAIM}]")
    assert main(["check", "-q"]) == 1
    assert main(["sentences", "--accept"]) == 0 and main(["check", "-q"]) == 0
    capsys.readouterr()
    assert main(["diff", "--base", "main"]) == 1 and "underline" in capsys.readouterr().out


COMMENTS = [
    "// #hide[x], sys.inputs, #show: it => 3\n",
    "/* #show regex: it => 3,\n eval(1) #include */",
    "Text. // state(1) context\n",
    "/* a */ and /* hide[b] */",
]


@pytest.mark.parametrize("text", COMMENTS)
def test_what_a_comment_holds_does_nothing_and_passes(typst_paper, capsys, text):
    code, told = coverage_says(typst_paper, capsys, f"{CLAIM} {text}")
    assert code == 0 and main(["check", "-q"]) == 0, told


LIVE = [
    '#let a = "//"; #show "91.2": [5]',
    '#let a = "\n// "; #show "91.2": [5]; #let b = "\n"',
    '#let a = "/*"\n#show "91.2": [5]\n#let b = "*/"',
    '5" wide #let a = "// "; #show "91.2": [5]',
    "\\// #show: it => [5]",
    "\\/* #show: it => [5] \\*/",
    "https://a.example/b #show: it => [5]",
    "https://a.example//b #show: it => [5]",
    "https://a.example/* #show: it => [5] */",
    '// " /*\n#show: it => [5]\n// */',
    '/* "\n// */ #show: it => [5]',
    "/* // */ #show: it => [5]",
    "/* /* */ #show: it => [5] */ */",
    "`//` #show: it => [5]",
    "```typ\n// ``` #show: it => [5]",
    "// a\u2028#show: it => [5]",
    "// a\x0b#show: it => [5]",
    "// a\x85#show: it => [5]",
    "// a\r#show: it => [5]",
]


@pytest.mark.parametrize("text", LIVE)
def test_what_only_looks_like_a_comment_stays(text):
    assert "#show" in without_comments(text)


@pytest.mark.parametrize("text", LIVE)
def test_what_only_looks_like_a_comment_fails(typst_paper, text):
    typst_paper.change("paper/main.typ", "= Results", f"{text}\n\n= Results")
    main(["sentences", "--accept"])
    assert main(["check", "-q"]) != 0


def test_a_comment_between_a_name_and_its_call_hides_nothing(typst_paper):
    typst_paper.write("paper/more.typ", '#let s = json/* " */("x")\n')
    main(["sentences", "--accept"])
    assert main(["check", "-q"]) == 1
