"""Text in columns: what does not fit is broken between words or cut short."""

import re
import unicodedata

_WORD = re.compile(r"\s*\S+\s*")
GAP = "  "  # between two columns


def cells(text: str) -> int:
    """Count the places a text takes on a terminal.

    Args:
        text: Printable text on one line.

    Returns:
        Its width: East Asian characters take two places, marks above others none.
    """
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Shorten a text that is too wide.

    Args:
        text: Printable text on one line.
        width: Places there are.

    Returns:
        The text, or its beginning and an ellipsis.
    """
    if cells(text) <= width:
        return text
    while cells(text) >= width:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, width: int) -> list[str]:
    """Break a text between words; a word that is too wide is cut.

    Args:
        text: Printable text on one line.
        width: Places there are.

    Returns:
        Its lines; one empty line for an empty text.
    """
    if cells(text) <= width:
        return [text]
    lines = [""]
    for word in _WORD.findall(text):
        if lines[-1] and cells(lines[-1]) + cells(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [cut(line.rstrip() if cells(line) > width else line, width) for line in lines]


def aligned(text: str, width: int, right: bool = False) -> str:
    """Fill a text up with spaces.

    Args:
        text: Printable text on one line, not wider than `width`.
        width: Places there are.
        right: Whether the spaces stand before it.

    Returns:
        A text of that width.
    """
    spaces = " " * (width - cells(text))
    return spaces + text if right else text + spaces
