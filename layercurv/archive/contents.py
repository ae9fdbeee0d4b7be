"""What goes into the archive: the tracked files of one commit, and what was built from them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from claimgate.history import git
from layercurv.errors import InputError

# Built files that are not tracked, and how each is made.
BUILT = {"build/claims.json": "make verify", "build/report.html": "make report"}


@dataclass(frozen=True)
class Contents:
    """One commit with its built files."""

    root: Path
    commit: str
    date: str  # of the commit, ISO 8601: equal commits give equal archives
    files: tuple[str, ...]  # relative to root, sorted


def read_contents(root: Path) -> Contents:
    """List what is to be archived.

    Args:
        root: The checkout.

    Returns:
        The tracked files and the built ones.

    Raises:
        InputError: If this is no git checkout, something tracked differs from its commit, or a built file is missing.
    """
    try:
        changed = git(root, "status", "--porcelain", "--untracked-files=no").splitlines()
        commit, date = git(root, "log", "-1", "--format=%H %cI").split()
        tracked = git(root, "ls-files", "-z").split("\0")
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{root}: expected a git checkout, got {error}; archive from a clone") from error
    if changed:
        found = f"{len(changed)} changed ({changed[0].strip()})"
        raise InputError(f"{root}: expected the files of commit {commit[:12]}, got {found}; commit first")
    for name, command in BUILT.items():
        if not (root / name).is_file():
            raise InputError(f"{root / name}: expected a built file, found none; run `{command}`")
    return Contents(root, commit, date, tuple(sorted({*filter(None, tracked), *BUILT})))
