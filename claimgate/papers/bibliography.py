"""What a bibliography must not print: all of it is printed by rule, and a result written into an entry would be too."""

import re
from collections.abc import Iterator

from claimgate.errors import shown

_FIELD = re.compile(r"^\s*([A-Za-z-]+)\s*[=:]\s*(.*?)\s*$", re.MULTILINE)
_ENTRIES = re.compile(r"\\begin\{thebibliography\}(.*?)(?:\\end\{thebibliography\}|\Z)", re.DOTALL)
# Titles are somebody else's; the others are numbers by what they are.
_FREE = {
    *(
        "title",
        "booktitle",
        "shorttitle",
        "subtitle",
        "volume",
        "number",
        "issue",
        "pages",
        "page-range",
        "year",
        "date",
    ),
    *(
        "doi",
        "url",
        "eprint",
        "arxivid",
        "isbn",
        "issn",
        "serial-number",
        "month",
        "version",
        "edition",
        "urldate",
        "file",
    ),
}
_IDENTIFIER = re.compile(r"https?://\S+|\b10\.\d{4,9}/\S+|\barxiv:\s?\d{4}\.\d{4,5}(?:v\d+)?\b", re.IGNORECASE)
_RESULT = re.compile(r"\d\s?\\?[%‰]|\d\s?(?:per\s?cent|per\s?mille)|(?<![\w.-])\d+[.,]\d|(?<!\w)\.\d", re.IGNORECASE)


def results_in(name: str, text: str) -> Iterator[str]:
    """List what reads as a result.

    Args:
        name: Of the file: `.bib`, `.yml` or `.yaml` of fields, or a LaTeX source.
        text: Its content.

    Yields:
        Each field or entry that holds a decimal number or a percentage where no identifier stands.
    """
    if name.endswith((".bib", ".yml", ".yaml")):
        parts = [value for field, value in _FIELD.findall(text) if field.lower() not in _FREE]
    else:
        parts = [entry for found in _ENTRIES.findall(text) for entry in found.split("\\bibitem")[1:]]
    for part in parts:
        if match := _RESULT.search(_IDENTIFIER.sub("", part)):
            around = part[max(0, match.start() - 20) : match.end() + 10]
            yield f"a result in the bibliography: {shown(' '.join(around.split()))}"
