"""The commits that records name, held against the history at hand."""

import datetime
import subprocess
from pathlib import Path

from layercurv.results.provenance import git


def commit_times(folder: Path) -> dict[str, int] | None:
    """List the commits that lead to the present one.

    Args:
        folder: A folder of the checkout.

    Returns:
        Full hash to seconds since 1970; None without git, or outside a checkout.
    """
    try:
        lines = git(folder, "rev-list", "--timestamp", "HEAD").splitlines()
    except (OSError, subprocess.CalledProcessError):
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


def history_disagreements(record: dict, times: dict[str, int]) -> list[str]:
    """Hold a record against history.

    Args:
        record: The record; it meets its schema.
        times: As from `commit_times`.

    Returns:
        One line for each commit that is not there, or that came after the record.
    """
    provenance = record["provenance"]
    commit = provenance["code"]["commit"]
    commits = dict.fromkeys([commit, *provenance.get("training_commits", ())])
    found = [f"commit {one or 'unknown'} is not in the history at hand" for one in commits if one not in times]
    finished = datetime.datetime.fromisoformat(provenance["finished_utc"]).timestamp()
    if commit in times and finished < times[commit]:
        found.append(f"finished at {provenance['finished_utc']}, before its commit was made")
    return found
