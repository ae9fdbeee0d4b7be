"""What a section of the paper may be written with: prose, formulas, tables, and functions that print what is verified.

Marks, rules and numbers from elsewhere are set in `claims.typ` and `template.typ` only. A section that set them itself
could print any number as if it were verified.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from layercurv.claims.claim import Status, Verdict
from layercurv.claims.typed import MARKS

SETTERS = ("paper/claims.typ", "paper/template.typ")  # set marks and rules
PRINTERS = {"claim", "waived", "printed", "says"}
SPECIAL = {"paper/sections/appendix_audit.typ": {"audit_rows", "audited", "by_rule"}}
PIECES = {"paper", "proof", "statement"}  # of the template
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
_ALLOWED = {
    "paper/main.typ": ("changes how text is shown", "reads a file"),
}
_CODE = re.compile(r"(?<!:)//[^\n]*|/\*.*?\*/", re.DOTALL)


def judge_sources(root: Path) -> list[Verdict]:
    """Judge every source of the paper but those that set marks and rules.

    Args:
        root: The checkout.

    Returns:
        One verdict; none without a paper.
    """
    names = sorted(str(path.relative_to(root)) for path in (root / "paper").rglob("*.typ"))
    if not names:
        return []
    found = [f"{name}: {problem}" for name in names if name not in SETTERS for problem in _problems(root, name)]
    status = Status.FAIL if found else Status.PASS
    return [
        Verdict("paper sources", status, "; ".join(found[:6]) or f"{len(names)} set no marks and no rules of their own")
    ]


def _problems(root: Path, name: str) -> Iterator[str]:
    text = (root / name).read_text(encoding="utf-8", errors="replace")
    code = _CODE.sub("", text)
    for what, pattern in _FORBIDDEN.items():
        if what not in _ALLOWED.get(name, ()) and (match := re.search(pattern, code if pattern[0] != "[" else text)):
            yield f"{what}: {match[0]!r}"
    allowed = {"claims.typ": SPECIAL.get(name, PRINTERS), "template.typ": PIECES}
    for path, names, other in _IMPORT.findall(code):
        file = path.rpartition("/")[2]
        imported = {one.strip() for one in names.split(",")} if names else {"*"}
        if other or path not in ("../claims.typ", "../template.typ", "claims.typ", "template.typ"):
            yield f"imports {other or path!r}"
        elif not imported <= allowed[file]:
            yield f"imports {', '.join(sorted(imported - allowed[file]))} of {file}"
