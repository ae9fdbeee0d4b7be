"""`make all` in every environment this machine has, one SHA-256 each: `python -m tests.same_bytes` (or `make bytes`).

Each gets a clone of the last commit and must leave `git status` clean. The SHA-256 is that of everything git tracks, as
it is after the build. A Python gets a virtual environment of its own, the others share that of this checkout. What the
machine has not got (an instruction set, a locale, a Python) is listed as not tried. About half a minute each.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
NUMPY_FEATURES = " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))
NO_FMA = "glibc.cpu.hwcaps=-FMA,-AVX2"
# What OpenBLAS, numpy and the C library are told of the processor: one of 2006.
OLDEST = {
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": NUMPY_FEATURES,
    "GLIBC_TUNABLES": NO_FMA,
}


@dataclass(frozen=True)
class Environment:
    """Where and how `make all` is called."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    folder: str = "checkout"
    has_git: bool = True
    python: str | None = None  # None: the one of this checkout, with its packages
    missing: str = ""  # why it cannot be tried here


def environments(pythons: list[str]) -> list[Environment]:
    """All there are, those that cannot be tried as well."""
    return [
        Environment("as it is"),
        *(_kernel(name) for name in ("Prescott", "Haswell", "Zen", "SkylakeX")),
        _told({"NPY_DISABLE_CPU_FEATURES": NUMPY_FEATURES}),
        _told({"GLIBC_TUNABLES": NO_FMA}),
        Environment("all three: a processor of 2006", OLDEST),
        _locale("C"),
        _locale("tr_TR.UTF-8"),
        _told({"TZ": "Etc/GMT-14"}),
        Environment("a folder with spaces and umlauts", folder="Ordner mit Umläuten, é und ß"),
        Environment("without .git", has_git=False),
        *(_python(version, pythons) for version in VERSIONS),
    ]


def _told(variables: dict[str, str], missing: str = "") -> Environment:
    return Environment(" ".join(f"{name}={value}" for name, value in variables.items()), variables, missing=missing)


def _kernel(name: str) -> Environment:
    info = Path("/proc/cpuinfo")
    has_it = name != "SkylakeX" or (info.exists() and "avx512f" in info.read_text())
    return _told({"OPENBLAS_CORETYPE": name}, "" if has_it else "the processor has no AVX-512")


def _locale(name: str) -> Environment:
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout.lower().replace("-", "")
    has_it = name.lower().replace("-", "") in known.split()
    return _told({"LC_ALL": name}, "" if has_it else "no such locale")


def _python(version: str, given: list[str]) -> Environment:
    code = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    for candidate in (*given, f"python{version}"):
        path = shutil.which(candidate)
        if path and subprocess.run([path, "-c", code], capture_output=True, text=True).stdout.strip() == version:
            return Environment(f"Python {version}", python=path)
    return Environment(f"Python {version}", missing="no such interpreter; PYTHONS names more")


def build(environment: Environment, place: Path) -> tuple[str, str]:
    """Clone, `make all`, and look: the SHA-256 of what is tracked then, and what is wrong with it, "" if nothing."""
    house = place / environment.folder
    _git("clone", "--quiet", str(ROOT), str(house))
    tracked = _git("-C", str(house), "ls-files", "-z").rstrip("\0").split("\0")
    committed = _sha256(house, tracked)
    if not environment.has_git:
        shutil.rmtree(house / ".git")
    if environment.python is None:
        (house / ".venv").symlink_to(sys.prefix)
    command = ["make", "all", f"PYTHON={environment.python or sys.executable}"]
    done = subprocess.run(command, cwd=house, env=_variables(environment), capture_output=True, text=True)
    if done.returncode:
        return "", f"make failed: {done.stderr.strip().splitlines()[-1:]}"
    found = _sha256(house, tracked)
    status = _git("-C", str(house), "status", "--short").strip() if environment.has_git else ""
    return found, " ".join(status.split()) or ("" if found == committed else "differs from what is committed")


def _variables(environment: Environment) -> dict[str, str]:
    # MAKEFLAGS of the make that called this would reach the one called here
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return own | environment.variables


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def _sha256(house: Path, names: list[str]) -> str:
    found = hashlib.sha256()
    for name in sorted(names):
        found.update(f"{name}\0".encode() + hashlib.sha256((house / name).read_bytes()).digest())
    return found.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="interpreters that are not on the path")
    shown, hashes, n_wrong = environments(parser.parse_args().pythons), set(), 0
    for environment in shown:
        if environment.missing:
            print(f"{'not tried: ' + environment.missing:<64}          {environment.name}", flush=True)
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as place:
            sha256, wrong = build(environment, Path(place))
        hashes.add(sha256)
        n_wrong += bool(wrong)
        print(f"{sha256 or '-':<64}  {time.monotonic() - start:4.0f} s  {environment.name}  {wrong}", flush=True)
    print(f"{len(hashes)} SHA-256, {n_wrong} environments with a changed tree")
    return int(len(hashes) != 1 or n_wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
