"""A text cut into sentences. Where lines break does not matter, every other character does."""

import re

_PARAGRAPHS = re.compile(r"\n[ \t\r]*\n")
_WHITE = re.compile(r"[ \t\r\n]+")  # no other white space: a blank of another width is another character
_END = re.compile(
    r"(?<=[.?!])[ \t\r\n]+(?=[A-Z_*(\[\"$@⟦]|#claim)"  # a sentence
    # a line of its own: a rule, a heading, an item, a row of a table, a caption
    r"|\n(?=[ \t]*(?:#(?:let|set|show|import|include|figure|table)\b|=+ |[-*|@] ?|\}|\w+ = |caption: |```))"
)
_COMMENT = re.compile(r"(//[^\n]*)\n")  # it ends where its line does, so that this line break is a character


def sentences(text: str) -> list[str]:
    """Cut a text into sentences.

    Args:
        text: Markdown, Typst, BibTeX or HTML.

    Returns:
        Its sentences in order, white space made single blanks; what stands between two is lost, nothing else is.
    """
    blocks = _PARAGRAPHS.split(_COMMENT.sub("\\1⏎\n\n", text))
    return [plain for block in blocks for part in _END.split(block) if (plain := _WHITE.sub(" ", part).strip(" "))]
