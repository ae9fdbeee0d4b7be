"""Atomic writes and checksums."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from claimgate.errors import InputError

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)  # answers of file systems that have no hard links


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Args:
        path: The file.

    Returns:
        The lower-case hexadecimal digest.
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class WriteError(InputError, OSError):
    """A file or folder that cannot be written to: read-only, full, over its quota, gone."""


@contextmanager
def atomic_path(target: Path, replace: bool = True) -> Generator[Path]:
    """Yield a temporary path beside `target`; move it onto `target` once the block ends without an error.

    A reader sees the old file or the whole new one, never a part, also after `kill -9` or a power cut:
    the bytes are flushed to disk before the move. No lock is needed, so that any number of processes may write one
    target, on several machines over NFS too.

    Args:
        target: The file to create or replace; missing parent folders are made.
        replace: False leaves a file that is there, whoever made it and when: the first writer wins.

    Yields:
        The temporary path to write to.

    Raises:
        FileExistsError: If `replace` is false and the file is there.
        WriteError: If the file system refuses; what was there is as it was.
    """
    target = Path(target)
    try:
        temporary = _new_file_beside(target)
        try:
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            if replace:
                temporary.replace(target)
            else:
                _link(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        if not replace and error.errno == errno.EEXIST:
            raise FileExistsError(*error.args) from error
        raise WriteError(_refusal(target, error)) from error


def write_text_atomically(target: Path, text: str, replace: bool = True) -> None:
    """Write UTF-8 text to `target` in one step.

    Args:
        target: The file to create or replace.
        text: Its whole content.
        replace: As for `atomic_path`.
    """
    with atomic_path(target, replace) as temporary:
        temporary.write_text(text, encoding="utf-8")


def require_writable(folder: Path) -> None:
    """Find out before the work whether its result can be put where it belongs.

    Args:
        folder: It is made if it is not there.

    Raises:
        WriteError: If no file can be made in it.
    """
    try:
        _new_file_beside(Path(folder) / "probe").unlink()
    except OSError as error:
        raise WriteError(_refusal(folder, error)) from error


def _new_file_beside(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(descriptor)
    return Path(name)


def _link(temporary: Path, target: Path) -> None:
    # Making a link fails where the name is taken, in one step and over NFS too; a rename would replace it.
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in NO_LINKS or target.exists():
            raise
        temporary.replace(target)


def _refusal(target: Path, error: OSError) -> str:
    return (
        f"{target}: cannot be written ({error.strerror or error}); what was there is as it was. Make room, or name "
        "another place, and give the same command again"
    )
