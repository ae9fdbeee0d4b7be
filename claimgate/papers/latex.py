"""LaTeX papers: compiled by whatever is installed of latexmk, tectonic and pdflatex, none of which is required."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from claimgate.claim import Status, Verdict
from claimgate.errors import InputError, shown
from claimgate.papers.bibliography import results_in
from claimgate.papers.compiled import CannotCompile

_MARKS = {"c": "⟦⟧", "w": "⟨⟩", "f": "⦃⦄", "r": "⟪⟫"}
_MARK = re.compile(r"\[\s*\[\s*([cwfr])\s*:|:\s*([cwfr])\s*\]\s*\]")
_LIMIT = 300  # seconds of one run
OURS = ("claimgate.sty", "claimgate.tex")
_WRAPPER = "claimgate-marked.tex"
_CHARACTERS = "changes what characters mean"  # as packages and classes must
_OVER = (
    "overline|widebar|overbar|bar|overbracket|overbrace|underbrace|overset|underset|stackrel|accentset|dot|ddot|hat|widehat"
    "|tilde|widetilde|vec|mathring|acute|grave|breve|check|not|sqrt|textsuperscript|textsubscript|textoverline"
)
_FORBIDDEN = {
    "sets a mark": r"\[\[[cwfr]:|:[cwfr]\]\]|claimgate@|claimgatemarks",
    _CHARACTERS: r"\\(?:catcode|mathcode|delcode|lccode|uccode|makeatletter|csname|scantokens|mathchardef"
    r"|newunicodechar|DeclareUnicodeCharacter|DeclareMathSymbol|DeclareTextSymbol|DeclareTextCommand)(?![A-Za-z])|\^\^",
    "draws what TeX does not know of": r"\\(?:special|pdfliteral|pdfextension|pdfobj|pdfx?form|pdfrefxform|pdfximage"
    r"|pdfrefximage|pdffeedback|AtBeginShipout\w*|AddToShipoutPicture\w*)(?![A-Za-z])",
    "names a printing command and prints nothing": r"\\(?:claim|says)(?![A-Za-z@])(?!\{[\w.]+\})"
    r"|(?:cmd|env)/(?:claim|says|waived|formula)\b|environment\s*\{\s*(?:claim|says|waived|formula)\s*\}",
    "reads a file of its own choice": r"\\(?:openin|read|readline|directlua|write)(?![A-Za-z])"
    r"|\\(?:input|include|usepackage|RequirePackage|bibliography|includegraphics|graphicspath)\*?\s*(?:\[[^\]]*\]\s*)*[\s{]*"
    r"(?:(?:\./)*\.\./|/|~)",
    "strikes out": r"\\(?:sout|xout|st|[bxh]?cancel(?:to)?)(?![A-Za-z])",
    "sets a claim raised, lowered or under a line": rf"\\(?:{_OVER})(?![A-Za-z])\s*(?:\{{(?:[^{{}}]|\{{[^{{}}]*\}})*)?"
    r"\\(?:claim|says)(?![A-Za-z])",
    "defines a printing command anew": r"\\(?:[egx]?def|let|(?:re)?newcommand|providecommand|DeclareRobustCommand)"
    r"\s*\*?\s*\{?\s*\\(?:claim|says|waived|formula|ref|cite)\b",
}


# On a line with one of these a percent sign may begin no comment.
_LITERAL = re.compile(r"\\(?:verb|url|href|path|lstinline|mint|end\s*\{)")


def compile_latex(source: Path, build: Path) -> None:
    """Compile a paper to `paper.pdf` and `marked.pdf`.

    Args:
        source: The main file; it uses the package `claimgate`.
        build: Where the two lie afterwards.

    Raises:
        InputError: If it does not compile.
        CannotCompile: If no LaTeX is installed.
    """
    engine = next((name for name in ("latexmk", "tectonic", "pdflatex") if shutil.which(name)), None)
    if engine is None:
        raise CannotCompile(
            "expected a LaTeX that compiles the paper, found none of latexmk, tectonic and pdflatex. Get one of them "
            "(tectonic is one file: https://tectonic-typesetting.github.io; Debian: apt-get install "
            "texlive-latex-base), then give the same command again"
        )
    work = build / "latex"
    work.mkdir(parents=True, exist_ok=True)
    wrapper = source.parent / _WRAPPER
    try:
        wrapper.write_text(f"\\def\\claimgatemarks{{}}\\input{{{source.name}}}\n", encoding="utf-8")
        for file, name in ((source.name, "paper"), (_WRAPPER, "marked")):
            made = work / f"{file.removesuffix('.tex')}.pdf"
            made.unlink(missing_ok=True)
            _ENGINES[engine](source.parent, file, work.resolve())
            if not made.is_file():
                raise InputError(f"{source}: expected a PDF from {engine}, got none; see {work}")
            shutil.copyfile(made, build / f"{name}.pdf")
    finally:
        wrapper.unlink(missing_ok=True)


def with_marks(text: str) -> str:
    """Turn the marks that LaTeX prints into those that numerals are told by.

    Args:
        text: Of the marked PDF.

    Returns:
        The same with one character for each mark.
    """
    return _MARK.sub(lambda match: _MARKS[match[1]][0] if match[1] else _MARKS[match[2]][1], text)


def judge_latex(root: Path, folder: str) -> list[Verdict]:
    """Judge the sources of a LaTeX paper: marks and printing commands are set by `claimgate.sty` only.

    Args:
        root: The checkout.
        folder: Where the paper lies in it.

    Returns:
        One verdict.
    """
    own = Path(__file__).with_name("claimgate.sty").read_bytes()
    found = []
    for path in sorted((root / folder).rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.name == "claimgate.sty" and path.read_bytes() != own:
            found.append(f"{name}: not as this version of claimgate has it")
        elif path.suffix in (".tex", ".sty", ".cls", ".bib") and path.name not in OURS:
            found += [f"{name}: {problem}" for problem in _problems(path)]
    status = Status.FAIL if found else Status.PASS
    return [Verdict("paper sources", status, "; ".join(found[:6]) or "set no marks and no rules of their own")]


def _problems(path: Path) -> Iterator[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    text = "\n".join(line if _LITERAL.search(line) else re.sub(r"(?<!\\)%.*", "", line) for line in lines)
    is_package = path.suffix in (".sty", ".cls")
    for what, pattern in _FORBIDDEN.items():
        if not (is_package and what is _CHARACTERS) and (match := re.search(pattern, text)):
            yield f"{what}: {match[0]!r}"
    yield from results_in(path.name, text)


def _latexmk(folder: Path, file: str, work: Path) -> None:
    options = ["-pdf", "-interaction=nonstopmode", "-halt-on-error", "-norc", f"-outdir={work}"]
    _run(["latexmk", *options, file], folder, work)


def _tectonic(folder: Path, file: str, work: Path) -> None:
    _run(["tectonic", "--untrusted", "--outdir", str(work), file], folder, work)


def _pdflatex(folder: Path, file: str, work: Path) -> None:
    options = ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", f"-output-directory={work}"]
    command = ["pdflatex", *options]
    _run([*command, file], folder, work)
    auxiliary = work / f"{file.removesuffix('.tex')}.aux"
    if r"\bibdata" in auxiliary.read_text(encoding="utf-8", errors="replace"):
        _run(["bibtex", str(auxiliary.with_suffix(""))], folder, work)
    for _ in range(2):
        _run([*command, file], folder, work)


_ENGINES = {"latexmk": _latexmk, "tectonic": _tectonic, "pdflatex": _pdflatex}


def _run(command: list[str], folder: Path, work: Path) -> None:
    environment = os.environ | {"openout_any": "a", "SOURCE_DATE_EPOCH": "1767225600", "max_print_line": "1000"}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=_LIMIT)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{command[-1]}: {command[0]} did not finish in {_LIMIT} s; see {work}") from error
    except OSError as error:
        raise InputError(f"{command[-1]}: {command[0]} cannot be run: {shown(str(error), 200)}") from error
    if done.returncode:
        told = (done.stdout + done.stderr).decode("utf-8", "replace")
        lines = [line for line in told.splitlines() if line.startswith("!") or "error" in line.lower()]
        reason = "; ".join(lines[:3]) or told[-300:]
        raise InputError(f"{command[-1]}: does not compile; {command[0]} says: {shown(reason, 400)}; see {work}")
