"""What a section of the paper may be written with: prose, formulas, tables, and functions that print what is verified.

Marks, rules and numbers from elsewhere are set only in the sources that `claimgate.toml` names as setters. A section
that set them itself could print any number as if it were verified.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from claimgate.claim import Status, Verdict
from claimgate.project import Project, TypstRules
from claimgate.typed import MARKS

_IMPORT = re.compile(r'import\s+"([^"]*)"(?:\s*:\s*([^\n]*))?|import\s+([^"\s][^\n]*)')
_FORBIDDEN = {
    "reads the compiler's inputs": r"\bsys\b",
    "runs text": r"\b(?:eval|plugin)\b",
    "reads a file": r"\b(?:read|json|csv|toml|yaml|xml|cbor|bibliography)\s*\(",
    "changes how text is shown": r"#\s*show\b|[{;\n]\s*show\b[^\n]*:",
    "hides or asks what was printed": r"\b(?:query|state|metadata)\(|\bhide[(\[]|\bcontext\s*[{\[]|#context\b",
    "escapes a character": r"\\u\{",
    "sets a mark": f"[{MARKS}]",
}
_FREE = ("changes how text is shown", "reads a file")  # to sources that the project frees
_CODE = re.compile(r"(?<!:)//[^\n]*|/\*.*?\*/", re.DOTALL)


def judge_sources(root: Path, project: Project) -> list[Verdict]:
    """Judge every source of a Typst paper but those that set marks and rules.

    Args:
        root: The checkout.
        project: Says where the paper is, and which sources may do what.

    Returns:
        One verdict; none without a paper in Typst.
    """
    names = sorted(path.relative_to(root).as_posix() for path in (root / project.locked.paper).rglob("*.typ"))
    if not names:
        return []
    rules = project.typst
    judged = [name for name in names if name not in rules.setters]
    found = [f"{name}: {problem}" for name in judged for problem in _problems(root, name, rules)]
    status = Status.FAIL if found else Status.PASS
    return [
        Verdict("paper sources", status, "; ".join(found[:6]) or f"{len(names)} set no marks and no rules of their own")
    ]


def _problems(root: Path, name: str, rules: TypstRules) -> Iterator[str]:
    text = (root / name).read_text(encoding="utf-8", errors="replace")
    code = _CODE.sub("", text)
    for what, pattern in _FORBIDDEN.items():
        is_free = name in rules.free and what in _FREE
        if not is_free and (match := re.search(pattern, code if pattern[0] != "[" else text)):
            yield f"{what}: {match[0]!r}"
    for path, names, other in _IMPORT.findall(code):
        imported = {one.strip() for one in names.split(",")} if names else {"*"}
        file = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        of_claims = file in rules.setters[:1]
        allowed = set(rules.special[name] if of_claims and name in rules.special else rules.printers.get(file, ()))
        if other or file not in rules.printers:
            yield f"imports {other or path!r}"
        elif not imported <= allowed:
            yield f"imports {', '.join(sorted(imported - allowed))} of {file.rpartition('/')[2]}"
