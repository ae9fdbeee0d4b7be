"""The two texts of a paper: as readers see it, and with marks around what is printed by rule."""

from dataclasses import dataclass
from pathlib import Path

from claimgate.around import set_otherwise
from claimgate.errors import InputError
from claimgate.files import write_text_atomically
from claimgate.pdf_text import pdf_text
from claimgate.project import Project
from claimgate.report import FORMATS
from claimgate.unseen import unseen_text
from claimgate.verification import Verification

BUILD, MARKED = "build", "marked.txt"


class CannotCompile(Exception):  # ruff: ignore[error-suffix-on-exception-name] - a reason, not an error of the program
    """Nothing installed compiles the paper; the message says what would, and how to get it."""


@dataclass(frozen=True)
class Compiled:
    """A compiled paper."""

    file: Path  # for readers
    plain: str  # its text
    marked: str  # the same with marks
    unseen: tuple[str, ...] = ()  # what it holds and a reader does not read


def compile_paper(project: Project, verification: Verification) -> Compiled:
    """Compile the paper from what was verified.

    Args:
        project: Says what the paper is written in, and where.
        verification: All verdicts; only claims that passed are printed.

    Returns:
        The texts; the files lie in `build/`.

    Raises:
        InputError: If there is no paper, or it does not compile.
        CannotCompile: If nothing that compiles it is installed.
    """
    paper = project.paper
    if paper is None:
        raise InputError("expected [paper] in claimgate.toml, with kind and source, found none")
    source = project.root / paper.source
    if not source.is_file():
        raise InputError(f"{source}: expected the source of the paper, found none")
    build = project.root / BUILD
    build.mkdir(parents=True, exist_ok=True)
    write_text_atomically(build / "claims.json", FORMATS["json"](verification, False))
    if paper.kind == "markdown":
        from claimgate.papers.markdown import marked_text, plain_text, render

        page = render(source, verification)
        write_text_atomically(build / "paper.html", page)
        return _noted(build, Compiled(build / "paper.html", plain_text(page), marked_text(page)))
    if paper.kind == "latex":
        from claimgate.papers.latex import compile_latex, with_marks

        write_text_atomically(source.parent / "claimgate.tex", FORMATS["latex"](verification, False))
        compile_latex(source, build)
        plain, marked = (pdf_text(build / f"{name}.pdf") for name in ("paper", "marked"))
        return _noted(build, _of_pdf(build, plain, with_marks(marked)))
    from claimgate.papers.typst import compile_typst

    compile_typst(source, project.root, build)
    texts = (pdf_text(build / f"{name}.pdf") for name in ("paper", "marked"))
    return _noted(build, _of_pdf(build, *texts))


def _of_pdf(build: Path, plain: str, marked: str) -> Compiled:
    file = build / "paper.pdf"
    return Compiled(file, plain, marked, (*unseen_text(file), *set_otherwise(build / "marked.pdf")))


def _noted(build: Path, compiled: Compiled) -> Compiled:
    write_text_atomically(build / MARKED, compiled.marked)
    return compiled
