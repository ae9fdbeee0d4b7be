r"""Where the source of a paper has claims printed: `claim("ID")`, `\claim{ID}` or `{{claim ID}}`."""

import re
from collections.abc import Iterator
from pathlib import Path

from claimgate.project import Project

_TAG = re.compile(r"""\bclaim\(\s*"([^"]+)"|\\claim\{([^{}]+)\}|\{\{\s*claim\s+([^{}|]+?)\s*\}\}""")
# Of each kind of source: what is a comment. In Typst, a text may hold what looks like one, and so does an address.
_COMMENTS = {
    ".typ": re.compile(r'"(?:\\.|[^"\\\n])*"|(?P<comment>(?<!:)//[^\n]*|/\*.*?\*/)', re.DOTALL),
    ".tex": re.compile(r"(?P<comment>(?<!\\)%[^\n]*)"),
    ".md": re.compile(r"(?P<comment>(?!))"),
}


def claim_places(project: Project) -> Iterator[tuple[str, Path, int]]:
    """List the places in the sources of a paper that print a claim.

    Args:
        project: Says where the paper lies and what it is written in.

    Yields:
        Id, file and line number, counted from 1; in the order of files and lines. A comment prints nothing.
    """
    paper = project.paper
    if paper is not None and paper.kind == "markdown":
        paths = [project.root / paper.source]  # nothing is included from elsewhere
    else:
        paths = sorted((project.root / project.locked.paper).rglob("*"))
    for path in paths:
        if path.suffix in _COMMENTS and path.is_file():
            text = _COMMENTS[path.suffix].sub(_blank, path.read_text(encoding="utf-8", errors="replace"))
            for match in _TAG.finditer(text):
                yield match[1] or match[2] or match[3], path, text.count("\n", 0, match.start()) + 1


def _blank(match: re.Match) -> str:
    return match[0] if match["comment"] is None else "\n" * match[0].count("\n")
