"""A Typst paper whose printed text says something else than its claims: every way that was found, accepted or not."""

import pytest

from claimgate.command import main

CLAIM = '#claim("accuracy.ours")'
SVG = '<svg xmlns=\\"http://www.w3.org/2000/svg\\" width=\\"90\\" height=\\"20\\"><text y=\\"15\\">97.9</text></svg>'

# Written before the first heading of the main file, which may set show rules.
RULES = {
    "one claim shown as another": '#show "91.2": [89.7]',
    "a pattern shown as another claim": '#show regex("91.."): [89.7]',
    "every text through a function": '#show text: it => if it.text == "91.2" [89.7] else { it }',
    "the whole document through a function": '#show: it => { show "91.2": [89.7]; it }',
    "the same with a parameter in brackets": '#show: (body) => { show "91.2": [89.7]; body }',
    "behind what looks like a comment": '#let address = "//"; #show "91.2": [89.7]',
    "between what looks like a comment": '#let a = "/*"\n#show "91.2": [89.7]\n#let b = "*/"',
    "shadowed claim": "#let claim(id) = [97.9 %]",
    "shadowed word": "#let says(id) = [trails]",
    "shadowed in a list": "#let (says, other) = ((id) => [trails], 1)",
    "shadowed as a parameter": "#let result(says) = [It #says(1) the baseline.]\n#result(id => [trails])",
    "shadowed in a function": '#let result = (says) => [It #says("x") the baseline.]',
    "a word of the context": "#let word = context if here().page() > 0 [trails]\nIt #word us.",
    "another text when marked": '#if "marks" in sys.inputs [more] else [less]',
    "a state": '#let s = state("x", 97)\n#context s.get()',
    "a file beside the paper": '#include "../results/aside.typ"',
    "a file that is not Typst": '#include "aside.txt"',
    "a file by a computed name": '#let name = "aside.typ"\n#include name',
    "a figure drawn from text": f'#image(bytes("{SVG}"))',
    "a figure from a folder that is not locked": '#image("../results/aside.svg")',
    "a mark by its name": "$bracket.l.double 97.9 bracket.r.double$",
    "a mark by its number": "#str.from-unicode(10214)97.9#str.from-unicode(10215)",
    "Chinese numerals by a rule": '#numbering("一", 97)',
    "Roman numerals by a rule": '#numbering("i", 97)',
    "Greek numerals by a rule": '#numbering("α", 97)',
    "Hebrew numerals by a rule of another name": '#let told = numbering\n#told("א", 97)',
    "letters by a rule": '#numbering("a", 97)',
    "a counter": '#let told = counter("told"); #told.update(97)\n#context told.display()',
    "a counter of headings": "#counter(heading).update(96)",
    "a counter of figures": "#counter(figure.where(kind: image)).step(level: 97)",
    "a note within a citation": "@smith[97.9]",
    "a note within a citation by its function": "#cite(<smith>, supplement: [97.9])",
    "digits of a tiling": "#rect(width: 40pt, height: 12pt, fill: tiling(size: (40pt, 12pt))[97.9])",
    "a picture by another name": '#let told = image\n#told("../results/aside.svg", width: 8cm)',
    "a picture in brackets": '#(image)("../results/aside.svg", width: 8cm)',
    "a number of the verified table": '#json("/build/claims.json").claims.at("accuracy.baseline").stated',
}
# Written in the place of the claim.
PLACES = {
    "read from the other side": f"#rotate(180deg)[{CLAIM}]",
    "mirrored": f"#scale(x: -100%)[{CLAIM}]",
    "negative": f"#sym.minus{CLAIM}",
    "one more digit by a superscript": f"{CLAIM}#super[5]",
    "in the colour of the page": f"#block(fill: navy, text(fill: navy)[{CLAIM}])",
    "under a picture": f'#box[{CLAIM}#place(top + left, image("cover.png", width: 100%, height: 2em))]',
    "another word for the comparing one": f"{CLAIM}. #let says = id => [trails]",
}


@pytest.fixture
def attacked(typst_paper):
    """The paper, with files that an attack may reach for beside it."""
    import numpy as np
    from pypdfium2 import PdfBitmap

    aside = "Our method reaches 97.9 %."
    for name in ("results/aside.typ", "paper/aside.txt", "paper/aside.typ"):
        typst_paper.write(name, aside if name != "paper/aside.typ" else "Nothing.")
    typst_paper.write("results/aside.svg", SVG.replace("\\", ""))
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    image = PdfBitmap.new_native(8, 8, 2)
    image.to_numpy()[:] = pixels
    image.to_pil().save(typst_paper.folder / "paper" / "cover.png")
    return typst_paper


BIBLIOGRAPHY = "@article{smith, title={A title}, author={Smith, A.}, year={2021}, journal={J}}\n"


def passes(paper) -> bool:
    main(["sentences", "--accept"])
    return main(["check", "-q"]) == 0 and main(["coverage"]) == 0


def test_without_an_attack_it_passes(attacked):
    assert passes(attacked)


@pytest.mark.parametrize("text", RULES.values(), ids=RULES)
def test_a_rule_of_the_main_file_that_changes_what_is_read_fails(attacked, text):
    attacked.change("paper/main.typ", "= Results", f"{text}\n\n= Results")
    if "smith" in text:
        cite(attacked)
    assert not passes(attacked)


def cite(paper, text: str = "") -> None:
    paper.write("paper/some.bib", BIBLIOGRAPHY)
    source = (paper.folder / "paper" / "main.typ").read_text()
    paper.write("paper/main.typ", f'{source}\n\n{text}\n\n#bibliography("some.bib")\n')


@pytest.mark.parametrize(
    "text", ["as in @smith", "as in @smith[chapter]", '#cite(<smith>, form: "prose")', "#counter(heading).update(0)"]
)
def test_citations_and_a_new_start_of_the_numbers_are_printed_by_rule(attacked, text):
    cite(attacked, text)
    assert passes(attacked)


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_a_claim_that_reads_as_something_else_fails(attacked, text):
    attacked.change("paper/main.typ", CLAIM, text)
    assert not passes(attacked)


def test_a_section_may_be_included_from_the_paper_and_draw_a_locked_figure(attacked):
    attacked.write("figures/plot.svg", SVG.replace("\\", ""))
    attacked.change("paper/main.typ", "= Results", '#include "aside.typ"\n#image("/figures/plot.svg")\n\n= Results')
    assert passes(attacked)


@pytest.mark.parametrize(
    "text",
    [
        f"{CLAIM} // 97.9 in all, twice {CLAIM}\n",
        f"{CLAIM} /* 97.9, {CLAIM},\n{CLAIM} */",
        f"{CLAIM}\n// - {CLAIM}\n",
        f'#let address = "https://host.example"; {CLAIM}',
        f"https://host.example/a {CLAIM}",
    ],
)
def test_a_comment_prints_nothing_and_an_address_is_none(attacked, text):
    attacked.change("paper/main.typ", CLAIM, text)
    assert passes(attacked)


@pytest.mark.parametrize(
    "text", [f'#let unused = ("//", [{CLAIM}]); {CLAIM}', f'#let unused = ("/*", [{CLAIM}]); {CLAIM} #let end = "*/"']
)
def test_what_only_looks_like_a_comment_hides_no_claim(attacked, text):
    attacked.change("paper/main.typ", CLAIM, text)
    assert not passes(attacked)
