"""A small paper under the gate, to begin with: one record, two claims, one finding, workflow and hook."""

import json
import shutil
from importlib import metadata, resources
from pathlib import Path

from claimgate.errors import InputError
from claimgate.files import write_text_atomically
from claimgate.floor import raise_floor
from claimgate.gate import Gate
from claimgate.manifest import freeze
from claimgate.papers.compiled import CannotCompile, compile_paper
from claimgate.project import load_project

WORKFLOW = ".github/workflows/claimgate.yml"
_HELPERS = {"typst": "claimgate.typ", "latex": "claimgate.sty", "markdown": None}  # beside the paper's source


def init(folder: Path, kind: str) -> list[str]:
    """Write the paper, seal its record and accept its sentences.

    Args:
        folder: Where; no file of it is replaced.
        kind: "typst", "latex" or "markdown".

    Returns:
        What was written, and what to do next.

    Raises:
        InputError: If a file is there already; then nothing is written.
    """
    files = _files(kind)
    if taken := [name for name in files if (folder / name).exists()]:
        raise InputError(f"{folder}: expected a folder without {', '.join(taken[:3])}; nothing was written")
    source = installed_from()
    for name, text in files.items():
        write_text_atomically(folder / name, text.replace("@SOURCE@", source) if name == WORKFLOW else text)
    project = load_project(folder)
    claims, records = folder / project.claims, folder / project.records
    freeze(records)
    gate = Gate(claims, records, project, documents=folder)
    raise_floor(claims, gate.counts())
    told = [f"wrote {name}" for name in sorted(files)]
    told.append(f"set CLAIMGATE in {WORKFLOW}: {_asked(source)}")
    try:
        compile_paper(project, Gate(claims, records, project).verify())
    except CannotCompile as reason:
        told.append(f"not compiled: {reason}; then accept what it prints: claimgate sentences --accept")
    gate.accept_sentences()
    shutil.rmtree(folder / "build", ignore_errors=True)
    where = "" if folder == Path() else f"cd {folder}; "
    return [*told, f"sealed, and accepted. Now: {where}claimgate check; claimgate coverage"]


def installed_from() -> str:
    """Say what pip would install to get this version of claimgate again, on another machine.

    Returns:
        An address with the commit, if it was installed from one; else an empty text: nothing is guessed.
    """
    try:
        told = json.loads(metadata.distribution("claimgate").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return ""
    version = told.get("vcs_info")
    if version is None:
        return ""
    below = f"#subdirectory={told['subdirectory']}" if "subdirectory" in told else ""
    return f"{version['vcs']}+{told['url']}@{version['commit_id']}{below}"


def _asked(source: str) -> str:
    return (
        f"it is {source}"
        if source
        else "what pip is to install there (it is empty, and the workflow fails until it is set)"
    )


def _files(kind: str) -> dict[str, str]:
    scaffold = resources.files("claimgate") / "scaffold"
    found = {}
    for part in ("common", kind):
        _collect(scaffold / part, "", found)
    if (helper := _HELPERS[kind]) is not None:
        text = (resources.files("claimgate") / "papers" / helper).read_text(encoding="utf-8")
        found[f"paper/{helper}"] = text
    return found


def _collect(folder, prefix: str, found: dict[str, str]) -> None:
    for item in folder.iterdir():
        name = prefix + (f".{item.name.removeprefix('dot_')}" if item.name.startswith("dot_") else item.name)
        if item.is_dir():
            _collect(item, f"{name}/", found)
        else:
            found[name] = item.read_text(encoding="utf-8")
