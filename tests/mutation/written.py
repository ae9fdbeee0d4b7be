"""(d) What people write, changed: every sentence of paper and documents, every claim printed by the compiled paper."""

import itertools
import random
import re
from pathlib import Path

from claimgate.coverage import names_of, tell_numerals
from claimgate.locked.lock import read_lock
from claimgate.locked.sentences import sentences
from claimgate.pdf_text import pdf_text
from claimgate.typed import Exemption, load_exemptions, objections, unlisted
from layercurv.claims.house import project
from layercurv.errors import InputError
from tests.mutation.report import Report

OPPOSITES = {
    "not": "", "no": "every", "never": "always", "rises": "falls", "falls": "rises", "rise": "fall", "more": "less",
    "less": "more", "lower": "higher", "larger": "smaller", "below": "above", "above": "below", "least": "most",
    "most": "least", "leads": "trails", "trails": "beats", "all": "few", "two": "three", "three": "four", "one": "two",
    "first": "last", "median": "mean", "mean": "median", "only": "also", "exact": "rough", "faster": "slower",
}  # fmt: skip
_CLAIM_ID = re.compile(r'(?<=claim\(")[\w.]+(?=")')
BEFORE = (
    "−",
    "-",
    "–",
    "⁻",
    "0.",
    "1",
    "≈ ",
    "minus ",
    "half ",
    "twice ",
    "Hälfte von ",
    "un tiers de ",
    "a\U0001d16d",
)
AFTER = (
    *("\U0001d16d", "\u0305", "\u20dd", "¯", "′", " Millionen", " pour cent", "bn"),
    " million",
    " percent",
    "‰",
    " per mille",
    " %",
    "5",
    ".5",
    "²",
    " × 3",
    " ⋅ 10",
    " hundredths",
)
TYPED = (
    *(" κβʹ", " י״ב", " ＸＩＶ", " 5\u0305"),
    *(" 7.9", " ½", " Ⅳ", " ⑦", " x³", " XIV", " ⦃𝛼 > 7⦄", " ⦃7⦄", " ⦃12⦄", " ⟨2.97⟩", " [3]", " ResNet-152"),
    *(" 50 % intervals", " ٣"),
)


def change_sentences(root: Path, report: Report) -> None:
    """Each sentence in several ways: a word lost, turned round, a sign before a claim, two ids exchanged."""
    accepted: dict[str, list[str]] = {}
    for lock in ("paper", "documents"):
        for line in read_lock(root / "claims", lock):
            place, _, sentence = line.partition("\t")
            accepted.setdefault(place, []).append(sentence)
    for name in accepted:
        if Path(name).suffix not in (".typ", ".bib", ".md", ".html") or name in project().typst.setters:
            continue
        text = (root / name).read_text(encoding="utf-8")
        for kind, mutant in _changed_texts(text):
            if name.startswith("docs/"):  # only sentences with digits are locked there
                if kind == "digit":
                    found = [sentence for sentence in sentences(mutant) if re.search(r"\d", sentence)]
                    report.add("sentence of the guide: digit", name, mutant[:60], int(found != accepted[name]))
            else:
                report.add(f"sentence: {kind}", name, mutant[:60], int(sentences(mutant) != accepted[name]))
    assert {*project().locked.documents, "docs/gate.md"} <= accepted.keys()


def _changed_texts(text: str):
    for match in re.finditer(r"\b[a-z]+\b", text):
        if (opposite := OPPOSITES.get(match[0])) is not None:
            yield "turned round", text[: match.start()] + opposite + text[match.end() :]
    for match in re.finditer(r"\b[A-Za-z]{3,}[.,;]", text):
        yield "word lost", text[: match.start()] + match[0][-1] + text[match.end() :]
    for match in re.finditer(r"(?<![\w#./])\d+(?:\.\d+)?", text):
        yield "digit", f"{text[: match.start()]}9{text[match.start() :]}"
    ids = list(_CLAIM_ID.finditer(text))
    for one, other in itertools.pairwise(ids):
        if one[0] != other[0]:
            between = text[one.end() : other.start()]
            yield "ids exchanged", text[: one.start()] + other[0] + between + one[0] + text[other.end() :]
    for match in re.finditer(r"#claim\(", text):
        for sign in ("−", "0.", "–"):
            yield "before a claim", text[: match.start()] + sign + text[match.start() :]
    for match in re.finditer(r'#claim\("[\w.]+"\)', text):
        yield "after a claim", text[: match.end()] + " million" + text[match.end() :]
        yield "unit lost", text[: match.end() - 1] + ", unit: false)" + text[match.end() :]


def change_compiled(root: Path, report: Report, seed: int, share: float) -> None:
    """What stands around a claim in the compiled text, and what is typed between: refused whoever accepts it."""
    text = pdf_text(root / "build" / "marked.pdf")
    exemptions = load_exemptions(root / "claims" / "numerals.toml")
    names = names_of(exemptions)
    generator = random.Random(seed)
    claims = list(re.finditer(r"⟦[^⟦⟧]*⟧", text))
    for match in generator.sample(claims, max(1, round(share * len(claims)))):
        start, stop = max(0, match.start() - 200), match.end() + 200
        before, after = _balanced(text[start : match.start()]), _balanced(text[match.end() : stop])
        if _refused(before + match[0] + after, names, exemptions):
            continue  # cut out of a formula or a figure: nothing can be learnt of it here
        for kind, typed in (("before", BEFORE), ("after", AFTER), ("typed", TYPED)):
            for sign in typed:
                mutant = sign + match[0] if kind == "before" else f"{match[0]}{sign}"
                code = _refused(f"{before}{mutant}{' ' if kind == 'typed' else ''}{after}", names, exemptions)
                report.add(f"compiled: {kind}", "layercurv.pdf", f"{sign!r} at {match.start()}", code)


def _refused(part: str, names: re.Pattern, exemptions: list[Exemption]) -> int:
    try:
        found = tell_numerals(part, names)
    except InputError:
        return 2
    return int(bool(found.uncovered or objections(part) or unlisted(exemptions, part)))


def _balanced(part: str) -> str:
    """A part of a marked text, from its first mark that is closed to its last."""
    depth, start = 0, 0
    for position, character in enumerate(part):
        if character in "⟦⟬⟨⦃⟪":
            depth += 1
        elif character in "⟧⟭⟩⦄⟫":
            depth -= 1
            if depth < 0:
                depth, start = 0, position + 1
    part = part[start:]
    while depth:
        cut = max(part.rfind(mark) for mark in "⟦⟬⟨⦃⟪")
        part, depth = part[:cut], depth - 1
    return part
