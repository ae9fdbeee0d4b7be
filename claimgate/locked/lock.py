"""The accepted sentences, one per line and sorted by place, and what differs from them.

A line is a place, a tab and a sentence. The command `sentences` shows what differs; `--accept` writes it.
"""

from pathlib import Path

from claimgate.claim import Status, Verdict
from claimgate.errors import InputError, shown
from claimgate.locked.sources import Lines

FOLDER = "locked"  # in the claims folder
MAX_BYTES = 16 * 2**20
_SHOWN = 4  # differences told in a verdict


def read_lock(folder: Path, name: str) -> list[str]:
    """Read accepted lines.

    Args:
        folder: The claims folder.
        name: What is locked, such as "paper".

    Returns:
        The lines.

    Raises:
        InputError: If there are none, or they are no text.
    """
    path = Path(folder) / FOLDER / f"{name}.txt"
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: expected accepted sentences; write them with the command `sentences --accept`")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text: {error}") from error
    return text.removesuffix("\n").split("\n") if text else []


def judge_lines(folder: Path, name: str, lines: Lines, places: set[str] | None = None) -> Verdict:
    """Hold sentences against those accepted.

    Args:
        folder: The claims folder.
        name: What is locked.
        lines: What is written now.
        places: Only these places are judged; None judges all.

    Returns:
        PASS only if every sentence is as accepted, in this order, and none is lost or new.
    """
    accepted, found = read_lock(folder, name), as_text(lines)
    if places is not None:
        accepted = [line for line in accepted if line.partition("\t")[0] in places]
    subject = f"{FOLDER}/{name}.txt"
    if accepted == found:
        return Verdict(subject, Status.PASS, f"{len(found)} sentences as accepted")
    changed = differences(accepted, found)
    told = "; ".join(shown(line.replace("\t", ": "), 240) for line in changed[:_SHOWN])
    return Verdict(
        subject,
        Status.FAIL,
        f"{len(changed)} lines not as accepted: {told}; read what the command `sentences` shows, then add --accept",
    )


def judge_locks(folder: Path, lines: dict[str, Lines], places: set[str] | None = None) -> list[Verdict]:
    """Hold all sentences of some locks against those accepted.

    Args:
        folder: The claims folder.
        lines: Name of the lock to what is written now.
        places: As for `judge_lines`.

    Returns:
        One verdict per lock.
    """
    return [judge_lines(folder, name, lines[name], places) for name in lines]


def changed_lines(folder: Path, name: str, lines: Lines) -> list[str]:
    """Compare what is written now with what was accepted, if anything was.

    Args:
        folder: The claims folder.
        name: What is locked.
        lines: What is written now.

    Returns:
        The differences.
    """
    path = Path(folder) / FOLDER / f"{name}.txt"
    return differences(read_lock(folder, name) if path.is_file() else [], as_text(lines))


def accept_lines(folder: Path, name: str, lines: Lines) -> list[str]:
    """Write what is written now as accepted.

    Args:
        folder: The claims folder.
        name: What is locked.
        lines: What is written now.

    Returns:
        The differences from what was accepted before.
    """
    from claimgate.files import write_text_atomically

    changed = changed_lines(folder, name, lines)
    path = Path(folder) / FOLDER / f"{name}.txt"
    if changed or not path.is_file():
        write_text_atomically(path, "".join(f"{line}\n" for line in as_text(lines)))
    return changed


def as_text(lines: Lines) -> list[str]:
    """Write places and sentences as lines.

    Args:
        lines: In the order of writing.

    Returns:
        One text each, sorted by place; within a place as they were.
    """
    return [f"{place}\t{sentence}" for place, sentence in sorted(lines, key=lambda line: line[0])]


def differences(before: list[str], after: list[str]) -> list[str]:
    """Compare line by line.

    Args:
        before: Accepted.
        after: Found.

    Returns:
        Lines lost with "- " before them, new ones with "+ ".
    """
    import difflib  # seldom needed

    compared = difflib.unified_diff(before, after, n=0, lineterm="")
    return [f"{line[0]} {line[1:]}" for line in list(compared)[2:] if not line.startswith("@@")]
