"""The commits that records name, held against the history at hand."""

import datetime
from pathlib import Path

from claimgate.errors import shown


def commit_times(folder: Path) -> dict[str, int] | None:
    """List the commits that lead to the present one.

    Args:
        folder: A folder of the checkout.

    Returns:
        Full hash to seconds since 1970; None without git, or outside a checkout.
    """
    from subprocess import CalledProcessError

    try:
        lines = git(folder, "rev-list", "--timestamp", "HEAD").splitlines()
    except (OSError, CalledProcessError):
        return None
    return {commit: int(seconds) for seconds, commit in map(str.split, lines)}


def is_shallow(folder: Path) -> bool:
    """Say whether a checkout holds the end of its history only.

    Args:
        folder: A folder of the checkout.

    Returns:
        True for a shallow clone.
    """
    return git(folder, "rev-parse", "--is-shallow-repository") == "true"


def names_commit(record: object) -> bool:
    """Say whether a record tells the commit it was made at.

    Args:
        record: The record. By convention `provenance.code.commit` names the commit it was made at,
            `provenance.training_commits` others, and `provenance.finished_utc` when.

    Returns:
        True if there is such a key, whatever stands there.
    """
    provenance = record.get("provenance") if isinstance(record, dict) else None
    code = provenance.get("code") if isinstance(provenance, dict) else None
    return isinstance(code, dict) and "commit" in code


def history_disagreements(record: object, times: dict[str, int]) -> list[str]:
    """Hold a record against history.

    Args:
        record: The record; one that names no commit (see `names_commit`) is not judged.
        times: As from `commit_times`.

    Returns:
        One line for each commit that is not there, or that came after the record.
    """
    if not names_commit(record):
        return []
    provenance = record["provenance"]
    commit, finished = provenance["code"]["commit"], provenance.get("finished_utc")
    commits = dict.fromkeys(map(str, [commit or "unknown", *provenance.get("training_commits", ())]))
    found = [f"commit {one} is not in the history at hand" for one in commits if one not in times]
    if commit in times and finished is not None:
        try:
            seconds = datetime.datetime.fromisoformat(finished).timestamp()
        except (TypeError, ValueError):
            return [*found, f"expected finished_utc to be a date, got {shown(finished)}"]
        if seconds < times[commit]:
            found.append(f"finished at {finished}, before its commit was made")
    return found


def git(root: Path, *arguments: str) -> str:
    """Ask git about a checkout.

    Args:
        root: A folder inside it.
        *arguments: Command and options, such as "rev-parse", "HEAD".

    Returns:
        What it prints, without white space at the ends.
    """
    import subprocess  # only records that name commits need it

    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()
