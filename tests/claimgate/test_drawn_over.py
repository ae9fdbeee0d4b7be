"""What a page has over a claim, or where a sign or digit of it would stand, fails; rules and backgrounds do not."""

import pytest

from claimgate.command import main

CLAIM = '#claim("accuracy.ours")'
GAP = "#h(1.5em)"  # so that the word before is not touched


def placed(drawn: str, where: str = "top + left") -> str:
    return f"{GAP}#box[{CLAIM}#place({where}, {drawn})]"


OVER = {
    "a polygon of many corners": placed(
        "polygon.regular(fill: white, vertices: 40, size: 3em)", "horizon + left, dx: -.5em, dy: -.9em"
    ),
    "a gray polygon": placed("polygon.regular(fill: gray, vertices: 40, size: 3em)", "horizon + left, dy: -.9em"),
    "a curve": placed(
        "curve(fill: silver, curve.move((0em, 0em)), curve.cubic((1em, -1em), (2em, 2em), (3em, 0em)), curve.close())",
        "horizon + left",
    ),
    "a thick bar": placed("rect(width: 3.4em, height: 4pt, fill: black)", "horizon + left"),
    "a thick bar between what it leaves free": placed(
        "rect(width: 3.4em, height: 3.5pt, fill: white)", "horizon + left"
    ),
    "a gradient": placed("rect(width: 3.4em, height: 1em, fill: gradient.linear(black, white))"),
    "a gradient of another kind": placed(
        "rect(width: 3.4em, height: 1em, fill: gradient.radial(black, white, silver))"
    ),
    "a tiling": placed(
        "rect(width: 3.4em, height: 1em, fill: tiling(size: (4pt, 4pt), circle(radius: 1.5pt, fill: black)))"
    ),
    "a picture": placed('image("cover.png", width: 3.4em, height: 1em)'),
    "a line of many strokes": placed('line(length: 3.4em, stroke: (thickness: 2pt, dash: "dotted"))', "horizon + left"),
    "a wave": placed(
        "curve(curve.move((0pt, 0pt)), curve.quad((1em, -1em), (2em, 0em)), stroke: 1pt)", "horizon + left"
    ),
    "a line before it": f"{GAP}#box[#place(horizon + left, dx: -.6em, line(length: .5em, stroke: .6pt)){CLAIM}]",
    "a line before it, drawn after it": placed("line(length: .5em, stroke: .6pt)", "horizon + left, dx: -.6em"),
    "a small rectangle before it": placed("rect(width: .5em, height: .6pt, fill: black)", "horizon + left, dx: -.7em"),
    "a line before a gap": f"{GAP}#box[#box(width: .9em, line(length: .6em, stroke: .6pt)){CLAIM}]",
    "a bar before it as a one": placed("rect(width: .12em, height: .65em, fill: black)", "bottom + left, dx: -.3em"),
    "a digit of lines before it": placed(
        "curve(curve.move((0em, 0em)), curve.line((.4em, 0em)), curve.line((.1em, .65em)), stroke: .8pt)",
        "bottom + left, dx: -.55em",
    ),
    "a dot that makes 9.1 of 91": placed("circle(radius: .06em, fill: black)", "bottom + left, dx: .46em"),
    "a red dot on green of its brightness": f"{GAP}#box(fill: rgb(0, 160, 0), outset: 1.5pt)[{CLAIM}"
    "#place(bottom + left, dx: .44em, circle(radius: .08em, fill: rgb(255, 60, 20)))]",
    "a digit after it": '#box[#claim("accuracy.ours", unit: false)#place(bottom + right, dx: .5em, curve('
    "curve.move((0em, 0em)), curve.line((.4em, 0em)), curve.line((.1em, .65em)), stroke: .8pt))]#h(1.5em)",
    "a picture behind it": f'{GAP}#box[#place(top + left, image("cover.png", width: 3.4em, height: 1em)){CLAIM}]',
    "a minus in the background": f"{GAP}#box(fill: silver, outset: 1.5pt)[#place(horizon + left, dx: -.55em, "
    f"rect(width: .4em, height: .6pt, fill: black)){CLAIM}]",
    "a minus that the text has elsewhere": f"#box[#place(dx: 7.7em, dy: -.6em)[−]]so that we reach{GAP}{CLAIM}",
    "the same before what stands elsewhere": f"{GAP}#box[#place(dx: -.7em, dy: -.6em)[−]"
    f"#place(dx: 5cm, dy: 2em)[a]]{CLAIM}",
    "a minus that the text has after it": f"{GAP}{CLAIM}#box[#place(dx: -3.6em, dy: -.6em)[−]]",
    "a dot that the text has after it": f"{GAP}{CLAIM}#box[#place(dx: -2.02em, dy: -.62em)[.]]",
    "a percent sign of a product": f"{GAP}#box[#place(dx: 1.75em, dy: -.62em)[‰]]{CLAIM}",
}
FINE = {
    "a background": f"#box(fill: yellow, outset: 1.5pt)[{CLAIM}]",
    "a background of just its height": f"#box(fill: yellow)[{CLAIM} and a gap by ball, jog]",
    "a dark background": f"#rect(fill: navy, text(fill: white)[{CLAIM}])",
    "a highlight": f"#highlight[{CLAIM}]",
    "a frame": f"#rect[{CLAIM}]",
    "an underline": f"#underline[{CLAIM}]",
    "a table with all its rules": f"#table(columns: 3, [a], [b], [c], [{CLAIM}], [{CLAIM}], [d])",
    "a narrow table": f"#table(columns: 2, inset: 2.5pt, stroke: .5pt, [a], [b], [{CLAIM}], [{CLAIM}])",
    "a striped table": f"#table(columns: 2, stroke: none, fill: (_, y) => if calc.odd(y) {{ silver }}, [a], [b], "
    f"[{CLAIM}], [{CLAIM}], [c], table.hline(), [{CLAIM}])",
    "a formula": f"$ x = sqrt(b) + ({CLAIM}) / (a + sqrt(b)) + a / ({CLAIM}) $",
    "a factor of a fraction": '$ x = #claim("accuracy.ours", unit: false) (a + b) / (c + d) $',
    "a coloured text": f"#text(fill: maroon)[{CLAIM}]",
    "a quotation with a line beside it": f"#block(stroke: (left: 2pt + gray), inset: 4pt)[{CLAIM}]",
    "a drawing beside it": f"#circle(radius: 1em) {CLAIM}",
}


@pytest.fixture
def drawn_on(typst_paper):
    """The paper, with a picture of noise beside it."""
    import numpy as np
    from pypdfium2 import PdfBitmap

    image = PdfBitmap.new_native(8, 8, 2)
    image.to_numpy()[:] = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    image.to_pil().save(typst_paper.folder / "paper" / "cover.png")
    return typst_paper


def coverage_says(paper, capsys, text: str) -> tuple[int, str]:
    paper.change("paper/main.typ", CLAIM, text)
    main(["sentences", "--accept"])
    capsys.readouterr()
    code = main(["coverage"])
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.mark.parametrize("text", OVER.values(), ids=OVER)
def test_what_is_drawn_over_a_claim_or_beside_it_fails(drawn_on, capsys, text):
    code, told = coverage_says(drawn_on, capsys, text)
    assert code == 1 and ("page 1" in told or "before a claim" in told), told


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_rules_and_backgrounds_leave_a_claim_as_it_is(drawn_on, capsys, text):
    code, told = coverage_says(drawn_on, capsys, text)
    assert code == 0, told
