"""(b) Whole files truncated, removed, emptied, exchanged with a neighbour: through the gate, on a copy."""

import shutil
import tempfile
from pathlib import Path

from claimgate.gate import Gate
from layercurv.claims.house import project
from layercurv.errors import InputError
from tests.mutation.report import Report


def change_files(gate: Gate, report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copied = {name: Path(folder) / name for name in ("claims", "results")}
        shutil.copytree(gate.claims, copied["claims"])
        shutil.copytree(gate.results, copied["results"], ignore=shutil.ignore_patterns("*.smoke.json"))
        trial = Gate(copied["claims"], copied["results"], project())
        sealed = [line.split()[1] for line in (copied["results"] / "SHA256SUMS").read_text().splitlines()]
        paths = [copied["results"] / name for name in ("SHA256SUMS", *sealed)]
        paths += sorted(copied["claims"].glob("*.toml"))
        for path, neighbour in zip(paths, [*paths[1:], paths[0]], strict=True):
            if path.name != "numerals.toml":  # read by `coverage` only
                _change(path, neighbour, trial, report)


def _change(path: Path, neighbour: Path, gate: Gate, report: Report) -> None:
    content = path.read_bytes()
    variants = {
        "truncated": content[: len(content) // 2],
        "emptied": b"",
        "removed": None,
        "exchanged": neighbour.read_bytes(),
    }
    for kind, changed in variants.items():
        path.unlink() if changed is None else path.write_bytes(changed)
        report.add("file", path.parent.name, f"{path.name} {kind}", _exit_code(gate))
        path.write_bytes(content)


def _exit_code(gate: Gate) -> int:
    try:
        return gate.verify().exit_code
    except InputError:
        return 2
