"""What the sources of a paper may do, by what it is written in."""

from pathlib import Path

from claimgate.claim import Status, Verdict
from claimgate.project import Project


def judge_paper_sources(root: Path, project: Project) -> list[Verdict]:
    """Judge the sources of the paper.

    Args:
        root: The checkout.
        project: Says where the paper lies and what it is written in.

    Returns:
        One verdict; none without a paper.
    """
    # What a paper of another kind needs is not loaded.
    kind = None if project.paper is None else project.paper.kind
    if kind == "latex":
        from claimgate.papers.latex import judge_latex

        return judge_latex(root, project.locked.paper)
    if kind == "markdown":
        from claimgate.papers.markdown import problems

        names = sorted(path for path in (root / project.locked.paper).rglob("*.md") if path.is_file())
        found = [
            f"{path.relative_to(root).as_posix()}: {problem}"
            for path in names
            for problem in problems(root, path, project.locked)
        ]
        status = Status.FAIL if found else Status.PASS
        return [
            Verdict("paper sources", status, "; ".join(found[:6]) or "set no marks of their own, draw what is locked")
        ]
    if next((root / project.locked.paper).rglob("*.typ"), None) is None:
        return []
    from claimgate.papers.typst_source import judge_sources

    return judge_sources(root, project)
