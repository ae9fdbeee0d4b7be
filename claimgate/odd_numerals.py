"""Numerals that are no decimal digits: of other scripts, of letters, of pictures."""

import re
import unicodedata
from collections.abc import Iterator

from claimgate.number_words import folded

_ROMAN = re.compile(
    r"\b(?=(?:[IVXL]{2,}|[IVXLCDM]{4,})\b)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b"
)
# The same in small letters, unless it counts items, as in "(ii)".
_SMALL_ROMAN = re.compile(
    r"\b(?!(?<=\()\w+\))(?=(?:[ivxl]{2,}|[ivxlcdm]{4,})\b)(?!(?:vi|xi|li)\b)"
    r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})\b"
)
_PICTURES = re.compile(
    r"[\u2800-\u28ff⚀-⚅🔟💯🔢🔞🎱🥇-🥉🕐-🕧🀀-🂓🂠-🃵]"
)  # Braille, dice, tiles, cards: few of these have a value
# Greek and Hebrew letters are numbers with a stroke beside the last, or two before it; Cyrillic ones under a titlo.
_GREEK = r"\u0370-\u0373\u0376-\u0377\u0386\u0388-\u03ff\u1f00-\u1fff"
_STROKES = "ʹ\u0374΄´ˊ′‵’'`"
_LETTERS = re.compile(
    rf"(?<![{_GREEK}\w'‘`])[{_GREEK}]{{1,4}}\s?[{_STROKES}](?![{_GREEK}\w])|[͵ˏ,]?\u0375[{_GREEK}]+"
    r"|[\u05d0-\u05ea]{1,4}[״\"″”“][\u05d0-\u05ea](?![\u05d0-\u05ea])|(?<![\u05d0-\u05ea])[\u05d0-\u05ea]{1,2}[׳'′’](?!\w)"
    r"|\w[\u0483\ua66f]|҂\w"
)
# Letters that look like digits, where nothing but a number stands: "lOO %".
_ALIKE = re.compile(r"(?<![\w.,/-])(?:[lI|]O+|O[.,][lIO]+|[lI]+[.,][lIO]+)(?=\s?[%‰])|(?<![\w.,/-])[lI]OO+(?![\w-])")
_CONTEXT = 24  # characters on either side
_FORMULA = re.compile(r"⦃[^⦃⦄]*⦄")


def odd_numerals(text: str) -> Iterator[tuple[str, str]]:
    """Find numerals that are no decimal digits.

    Args:
        text: With marks around formulas.

    Yields:
        Each with its surroundings.
    """
    for position, character in enumerate(text):
        if not character.isascii() and unicodedata.numeric(character, None) is not None:
            yield character, _around(text, position, position + 1)
    for pattern in (_ROMAN, _PICTURES, _ALIKE):
        yield from _found(pattern, text)
    written = _FORMULA.sub(" ", text)  # where small letters are indices, and a stroke is a derivative
    for pattern in (_SMALL_ROMAN, _LETTERS):
        yield from _found(pattern, written)
    plain, _ = folded(written)
    if plain != written:  # letters that look like others
        known = {match[0] for match in _ROMAN.finditer(text)} | {match[0] for match in _SMALL_ROMAN.finditer(written)}
        for pattern in (_ROMAN, _SMALL_ROMAN):
            yield from (found for found in _found(pattern, plain) if found[0] not in known)


def _found(pattern: re.Pattern, text: str) -> Iterator[tuple[str, str]]:
    for match in pattern.finditer(text):
        yield match[0], _around(text, match.start(), match.end())


def _around(text: str, start: int, end: int) -> str:
    around = text[max(0, start - _CONTEXT) : end + _CONTEXT]
    return " ".join(re.sub(r"[\u00ad\ufffe]", "", around).split())
