"""What a section of the paper may be written with: prose, formulas, tables, and functions that print what is verified.

Marks, rules and numbers from elsewhere are set only in the sources that `claimgate.toml` names as setters. A section
that set them itself could print any number as if it were verified.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from claimgate.claim import Status, Verdict
from claimgate.marks import MARKS
from claimgate.papers.bibliography import results_in
from claimgate.project import Locked, Project, TypstRules

_IMPORT = re.compile(r'import\s+"([^"]*)"(?:\s*:\s*([^\n]*))?|import\s+([^"\s][^\n]*)')
_MARKING = "sets a mark"
_LINE_ENDS = "\\n\\r\\x0b\\x0c\\x85\\u2028\\u2029"  # with which Typst ends a line, and a comment
# What is a comment wherever it stands: without a quote or an accent that could end a text or a literal around it.
_COMMENT = re.compile(
    rf"(?P<block>/\*(?:(?!/\*|\*/|//)[^\"`])*\*/)|(?P<line>//(?:(?!\*/)[^\"`{_LINE_ENDS}])*(?=[{_LINE_ENDS}]|$))"
)
_ANY_COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)
_START = re.compile(r"//|/\*")
_LINE_END = re.compile(f"[{_LINE_ENDS}]|$")
_FORBIDDEN = {
    "reads the compiler's inputs": r"\bsys\b",
    "runs text": r"\b(?:eval|plugin)\b",
    "reads a file": r"\b(?:read|json|csv|toml|yaml|xml|cbor|bibliography)\s*\(",
    "changes how text is shown": r"#\s*show\b|[{;\n]\s*show\b[^\n]*:",
    "replaces text": r"(?:#|[{;\n])\s*show\s*(?:\"|regex\b|text\b|:\s*(?:\w+\s*|\([^)\n]*\)\s*)=>)",
    "hides or asks what was printed": r"\b(?:query|state|metadata)\(|\bhide[(\[]|(?:#|[=({,;:])\s*context\b",
    "escapes a character": r"\\u\{",
    "prints a number by a rule": r"#\s*numbering\b|\bnumbering\(|[=(]\s*numbering\s*(?![\s\w:])|\.\s*display\s*\(",
    "sets a counter": r"\.\s*update\s*\((?!\s*[01]\s*\))|\.\s*step\s*\(\s*[^\s)]",
    "draws by a tiling": r"\b(?:tiling|pattern)\s*\(",
    "gives the name of a printing function to another": r"=\s*(?:std\s*\.\s*)?(?:image|tiling|numbering)\b(?!\s*\()"
    r"|\(\s*(?:image|tiling|numbering)\s*\)\s*\(",
    _MARKING: f"[{MARKS}]",
}
_FREE = ("changes how text is shown", "reads a file")  # to sources that the project frees
_INCLUDE = re.compile(r'(?:#|[:=({,;]\s*)include\b\s*(?:"([^"]*)")?|\binclude\s+"([^"]*)"')
_IMAGE = re.compile(r'\bimage\(\s*(?:"([^"]*)")?')


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
    found = [f"{name}: {problem}" for name in judged for problem in _problems(root, name, project)]
    for path in sorted((root / project.locked.paper).rglob("*")):
        if path.suffix in (".bib", ".yml", ".yaml"):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.relative_to(root).as_posix()}: {problem}" for problem in results_in(path.name, text)]
    status = Status.FAIL if found else Status.PASS
    return [
        Verdict("paper sources", status, "; ".join(found[:6]) or f"{len(names)} set no marks and no rules of their own")
    ]


def _problems(root: Path, name: str, project: Project) -> Iterator[str]:
    rules, written = project.typst, (root / name).read_text(encoding="utf-8", errors="replace")
    text = without_comments(written)
    bare = _ANY_COMMENT.sub(" ", written)  # where one may stand between a name and what it is called with
    for what, pattern in (_FORBIDDEN | _binding(rules)).items():
        is_free = name in rules.free and what in _FREE
        texts = (written,) if what == _MARKING else (text, bare)
        if not is_free and (match := next(filter(None, (re.search(pattern, one) for one in texts)), None)):
            yield f"{what}: {match[0]!r}"
    yield from dict.fromkeys(one for part in (text, bare) for one in _unlocked(name, part, project.locked))
    for path, names, other in dict.fromkeys(found for part in (text, bare) for found in _IMPORT.findall(part)):
        imported = {one.strip() for one in names.split(",")} if names else {"*"}
        file = _file(name, path)
        of_claims = file in rules.setters[:1]
        allowed = set(rules.special[name] if of_claims and name in rules.special else rules.printers.get(file, ()))
        if other or file not in rules.printers:
            yield f"imports {other or path!r}"
        elif not imported <= allowed:
            yield f"imports {', '.join(sorted(imported - allowed))} of {file.rpartition('/')[2]}"


def without_comments(text: str) -> str:
    """Leave out comments, where they surely are some.

    What looks like the start of one may stand in a text, a literal or an address, behind a stroke that escapes it, or
    in another comment, and what follows it be no comment. So one with a quote or an accent in it stays, and so does
    whatever begins on its line after it.

    Args:
        text: Of a Typst source.

    Returns:
        The same with blanks in their place, and the same line breaks.
    """
    found, done = [], 0
    while (start := _START.search(text, done)) is not None:
        line = max(text.rfind(end, 0, start.start()) for end in "\n\r\x0b\x0c\x85\u2028\u2029") + 1
        before = text[line : start.start()]
        match = _COMMENT.match(text, start.start())
        if match is None or before[-1:] in (":", "\\", "/", "*") or "://" in before:
            end = _LINE_END.search(text, start.start()).end()
            found.append(text[done:end])
        else:
            end = match.end()
            found += [text[done : start.start()], re.sub(f"[^{_LINE_ENDS}]", " ", match[0])]
        done = end
    return "".join(found) + text[done:]


def _binding(rules: TypstRules) -> dict[str, str]:
    # A name of a printing function given to something else would print that.
    printing = sorted({name for names in rules.printers.values() for name in names})
    if not printing:
        return {}
    name = rf"\b(?:{'|'.join(map(re.escape, printing))})\b"
    return {
        "gives the name of a printing function to something else": rf"(?:#|[{{;\n])\s*let\s[^=\n]*{name}[^=\n]*="
        rf"|{name}\s*(?:,[^()=\n]*)?\)?\s*=>|(?:#|[{{;])\s*for\s[^{{\[\n]*{name}[^{{\[\n]*\sin\b"
    }


def _unlocked(name: str, text: str, locked: Locked) -> Iterator[str]:
    for pattern, what in ((_INCLUDE, "includes"), (_IMAGE, "draws")):
        for match in pattern.finditer(text):
            path = next((group for group in match.groups() if group is not None), None)
            file = "" if path is None else _file(name, path)
            if not (locked.holds_figure(file) if what == "draws" else _is_section(file, locked)):
                yield f"{what} what is not locked: {path if path is not None else match[0]!r}"


def _is_section(file: str, locked: Locked) -> bool:
    return file.startswith(f"{locked.paper}/") and file.endswith(".typ")


def _file(name: str, path: str) -> str:
    folder = "" if path.startswith("/") else posixpath.dirname(name)
    return posixpath.normpath(posixpath.join(folder, path.lstrip("/")))
