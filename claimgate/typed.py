"""Quantities that somebody typed into a compiled text: how each is written, and what may stand around a claim.

What is read is what a reader sees, with the marks of `coverage`. A typed quantity is never measured; it may be a name,
an index, a number word. Names, numbers in formulas and waivers are listed in `claims/numerals.toml`, each with the most
times it may occur; number words and the rest are accepted in their surroundings, like sentences.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from claimgate.closed_toml import filled_table, read_toml
from claimgate.errors import InputError, shown
from claimgate.number_words import FACTORS_AFTER, FACTORS_BEFORE, number_words
from claimgate.odd_numerals import odd_numerals

KINDS = ("name", "formula", "waived")
_RULED = re.compile(r"⟪[^⟪⟫]*⟫")
_AUDITED = re.compile(r"⟬[^⟭]*⟭")
_CLAIM = re.compile(r"⟦[^⟧]*⟧")
_FORMULA = re.compile(r"⦃([^⦃⦄]*)⦄")
_WAIVED = re.compile(r"⟨([^⟩]*)⟩")
_IN_FORMULA = re.compile(r"(?<!\d)\d(?!\d)")  # more digits than one are refused anyway
_MINUS = "−‐‑‒–—―﹘﹣－⁻₋⎯➖-"
_BEFORE = re.compile(rf"(?:{FACTORS_BEFORE}|[\d.,]|[~∼≈√^×⋅·*{_MINUS}]\s*|(?<!⟧)/\s*)⟦", re.IGNORECASE)
_AFTER = re.compile(
    rf"⟧(?:[\d⋅·^⟦]|[.,]\d|[kKMGTPB]\b|(?:bn|mn|mln|Mio|Mrd)\b|!(?=\s+[a-z])"
    rf"|\s*(?:[%‰‱°×٪％﹪؉؊]|e[+−-]?\d|⋅|(?-i:[kM]|ppm|ppb|ppt|bps?|pct)\b|basis\s?points?\b|squared\b|cubed\b|-?fold\b|{FACTORS_AFTER}))",
    re.IGNORECASE,
)
_ALIKE = re.compile(r"(?<!\w)[lIO|]\s?⟦|⟧[lIOo|]\b|⟧\s[O|]\b")  # a letter that reads as one more digit
# What may touch a claim: letters, quotes, brackets, what compares or separates. Any other sign is read with the number.
_TOUCHING = re.compile(
    r"[^\s\w()\[\]{}\"'“”‘’«»„‚<>=≠≤≥≪≫≲≳∈$€£¥:;,/|…†‡⟦⟧⟨⟩⟬⟭⟪⟫±−–—-]⟦"
    r"|⟧(?:[^\s\w()\[\]{}\"'“”‘’«»<>=≠≤≥≪≫≲≳∈.,:;!?/|…†‡*∗⟦⟧⟨⟩⟬⟭⟪⟫±−–—-]|[:∶]\w|_)|(?<!⟧)(?<!⟧\s)±⟦"
)
_SIDE_BY_SIDE = re.compile(r"\d\s?⦄\s?⦃\s?\d")  # formulas of one digit each, which read as one number
_COMBINING, _SPACING = ("Mn", "Mc", "Me"), ("Sk", "Lm")  # categories of marks; the latter have a width of their own
_SIGNS = "‾′″‴⁗"
_STROKE = re.compile(r"[\u0334-\u0338\u20d2\u20d3\u20d8-\u20da\u20e5\u20e6\u20eb]")  # laid over the one before it
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # with these around it, 91.2 is read as 2.19
_CONTEXT = 24  # characters on either side of a typed quantity


@dataclass(frozen=True)
class Exemption:
    """Texts that hold digits and state nothing, with the most times they may occur, all together."""

    kind: str
    texts: tuple[str, ...]
    reason: str
    at_most: int

    @property
    def pattern(self) -> re.Pattern:
        """What any of the texts meets, `#` standing for digits."""
        alternatives = (re.escape(text).replace(r"\#", r"\d+").replace(r"\ ", " ?") for text in self.texts)
        return re.compile(rf"(?<![\w.])(?:{'|'.join(alternatives) or '(?!)'})(?!\w)")


def load_exemptions(path: Path) -> list[Exemption]:
    """Read `numerals.toml`.

    Args:
        path: A TOML file of `[[name]]`, `[[formula]]` and `[[waived]]` tables with `text` (a list; in names `#` stands
            for digits), `reason` and `at_most`.

    Returns:
        The exemptions.

    Raises:
        InputError: If the file is malformed, or a name could be any number.
    """
    document = read_toml(path)
    found = []
    for kind, tables in document.items():
        if kind not in KINDS or not isinstance(tables, list):
            raise InputError(f"{path}: expected [[name]], [[formula]] and [[waived]] tables and nothing else")
        try:
            found += [_exemption(kind, table) for table in tables]
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    return found


def _exemption(kind: str, table: object) -> Exemption:
    table = filled_table(table, {"text", "reason", "at_most"}, {}, {"reason"})
    texts, at_most = table["text"], table["at_most"]
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise InputError(f"expected text to be a list of texts, got {shown(texts)}")
    if type(at_most) is not int or at_most < 1:
        raise InputError(f"expected at_most to be a count, got {shown(at_most)}")
    for text in texts if kind == "name" else ():
        if not re.search(r"[#\d]", text) or (not re.sub(r"[#\d\s%.,−-]", "", text) and text.count("#") < 3):
            raise InputError(f"expected a name with digits or # in it that is not any number, got {shown(text)}")
        if kind == "name" and any(map(_is_any_number, text.split())) and re.search(r"[^\W\d_]{2}", text):
            raise InputError(f"expected # in a word with letters, not as a number between words, got {shown(text)}")
    return Exemption(kind, tuple(texts), table["reason"], at_most)


def _is_any_number(word: str) -> bool:
    return 0 < word.count("#") < 3 and re.search(r"[^\W\d_]", word) is None


def objections(text: str) -> list[str]:
    """List what is never right, whoever accepts it: numerals of other kinds, and what changes a claim beside it.

    Args:
        text: The compiled text with marks.

    Returns:
        Each with its surroundings.
    """
    free = _free(text)
    bare = "".join(c for c in _ruled_out(text) if c not in "⦃⦄" and unicodedata.category(c) != "Cf")  # Cf is not seen
    found = [f"numeral {token}: {around}" for token, around in odd_numerals(free)]
    found += [f"before a claim: {_around(bare, match)}" for match in _BEFORE.finditer(bare)]
    found += [f"after a claim: {_around(bare, match)}" for match in _AFTER.finditer(bare)]
    found += [f"a letter that reads as a digit: {_around(bare, match)}" for match in _ALIKE.finditer(bare)]
    found += [f"a sign that touches a claim: {shown(_around(bare, match))}" for match in _TOUCHING.finditer(bare)]
    found += [f"formulas that read as one: {_around(free, match)}" for match in _SIDE_BY_SIDE.finditer(free)]
    found += [f"a mark at a number: {shown(around)}" for around in _marks_beside(bare)]
    found += [f"a stroke through a character: {_around(text, match)}" for match in _STROKE.finditer(text)]
    return found + [f"turns the order of characters: {shown(_around(text, match))}" for match in _TURNS.finditer(text)]


def typed_quantities(text: str) -> list[tuple[str, str]]:
    """List number words, numbers in formulas and waivers, each with its surroundings.

    Args:
        text: The compiled text with marks.

    Returns:
        Kind with token, and surroundings; in the order of the text.
    """
    free = _CLAIM.sub("⟦⟧", re.sub(r"[⦃⦄]", "", _free(text)))
    words = [(f"word {word}", _surroundings(free, start, end)) for word, start, end in number_words(free)]
    formulas = [(f"formula {token}", formula) for token, formula in formula_numbers(text)]
    return words + formulas + [("waived", waived) for waived in _WAIVED.findall(text)]


def formula_numbers(text: str) -> list[tuple[str, str]]:
    """List the digits of formulas that are no index or exponent: those behind no letter and no bracket.

    Args:
        text: The compiled text with marks.

    Returns:
        The digit with the sign before it, such as "≈ 2" ("^ 2" where there is none), and its formula.
    """
    found = []
    for formula in _FORMULA.findall(_CLAIM.sub("⟦⟧", _drawn_out(text))):
        for match in _IN_FORMULA.finditer(formula):
            before = formula[: match.start()].rstrip()[-1:] or "^"
            if not (before.isalpha() or before in ")]}′″*∗|‖⊤∞∇"):
                found.append((f"{before} {match[0]}", " ".join(formula.split())))
    return found


def used(exemptions: list[Exemption], text: str) -> list[int]:
    """Count how often each exemption is made use of.

    Args:
        exemptions: From `load_exemptions`.
        text: The compiled text with marks.

    Returns:
        One count per exemption.
    """
    names = _WAIVED.sub("", _CLAIM.sub("", _free(text)))
    formulas = Counter(token for token, _ in formula_numbers(text))
    waived = Counter(" ".join(found.split()) for found in _WAIVED.findall(text))
    counts = []
    for exemption in exemptions:
        if exemption.kind == "name":
            counts.append(sum(1 for _ in exemption.pattern.finditer(names)))
        else:
            found = formulas if exemption.kind == "formula" else waived
            counts.append(sum(found[one] for one in exemption.texts))
    return counts


def unlisted(exemptions: list[Exemption], text: str) -> list[str]:
    """List numbers in formulas and waivers that no exemption names.

    Args:
        exemptions: From `load_exemptions`.
        text: The compiled text with marks.

    Returns:
        Each with its surroundings.
    """
    listed = {(exemption.kind, one) for exemption in exemptions for one in exemption.texts}
    found = [("formula", token, formula) for token, formula in formula_numbers(text)]
    found += [("waived", " ".join(waived.split()), "") for waived in _WAIVED.findall(text)]
    return [f"{kind} {token}: {around}" for kind, token, around in found if (kind, token) not in listed]


def _free(text: str) -> str:
    return _AUDITED.sub("", _ruled_out(text))


def _ruled_out(text: str) -> str:
    while (shorter := _RULED.sub(" ", text)) != text:
        text = shorter
    return text


def _drawn_out(text: str) -> str:
    # A mark of a figure may stand inside that of a formula broken by it: what is drawn is no formula.
    return _ruled_out(_AUDITED.sub("", text))


def _marks_beside(text: str) -> Iterator[str]:
    for place, character in enumerate(text):
        if character.isascii() and character != "`":
            continue
        kind, after = unicodedata.category(character), text[place + 1 : place + 2]
        if kind in _COMBINING:
            is_beside = _combines(text, place, kind, after)
        else:
            is_beside = (kind in _SPACING or character in _SIGNS) and (text[place - 1 : place] == "⟧" or after == "⟦")
        if is_beside:
            yield _surroundings(text, place, place + 1)


def _combines(text: str, place: int, kind: str, after: str) -> bool:
    # A mark combines with what stands before it. One that takes room of its own stands beside what follows too.
    others = [one for one in text[max(0, place - _CONTEXT) : place] if unicodedata.category(one) not in _COMBINING]
    is_of_letter = others[-1:] != [] and others[-1].isalpha()
    before = "".join(others).rstrip()[-1:]
    is_beside = (kind == "Mc" or not is_of_letter) and (after.isdigit() or after == "⟦")
    return is_beside or before.isdigit() or before == "⟧"


def _around(text: str, match: re.Match) -> str:
    return _surroundings(text, *match.span())


def _surroundings(text: str, start: int, end: int) -> str:
    around = text[max(0, start - _CONTEXT) : end + _CONTEXT]
    return " ".join(re.sub(r"[\u00ad\ufffe]", "", around).split())
