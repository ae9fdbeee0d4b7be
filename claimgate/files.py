"""Atomic writes and checksums."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Generator
from pathlib import Path

from claimgate.errors import InputError

OWNERLESS_S = 86400.0  # a file under way from another machine counts as left behind after a day
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


@contextlib.contextmanager
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
        is_other = target.exists() and not target.is_file()  # a move would put a file in the place of a device
    except OSError as error:  # a name too long
        raise WriteError(_refusal(target, error)) from error
    if is_other:
        raise WriteError(f"{target}: expected a regular file to replace, found something else; nothing was written")
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


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files that writers left in a folder because they were killed.

    A file's name says which process of which machine writes it. One of this machine is removed if that process is gone,
    any other if a day has passed since it was written to, by the clock of the file system; no lock is needed. A writer
    that lives longer than it seemed loses nothing but this attempt, and says so.

    Args:
        folder: The folder; nothing happens if it is not there, or if it cannot be read or written.
    """
    _CLEARED.add(folder.absolute())
    with contextlib.suppress(OSError):
        found = [path for path in folder.iterdir() if path.suffix == ".part" and path.name.startswith(".")]
        if not found:
            return
        import tempfile  # what reads and writes nothing need not load it

        descriptor, probe = tempfile.mkstemp(dir=folder, prefix=f".probe{_owner(os.getpid())}", suffix=".part")
        now = os.fstat(descriptor).st_mtime
        os.close(descriptor)
        for path in (*found, Path(probe)):
            with contextlib.suppress(OSError):
                if str(path) == probe or _is_left_behind(path, now):
                    path.unlink()


_CLEARED: set[Path] = set()  # folders this process has looked through


def _owner(pid: int) -> str:
    # Processes are counted by machine, and in containers by namespace.
    import socket

    namespace = Path("/proc/self/ns/pid")
    inode = namespace.stat().st_ino if namespace.exists() else 0
    machine = hashlib.sha256(f"{socket.gethostname()} {inode}".encode()).hexdigest()[:12]
    return f".{machine}-{pid}."


def _is_left_behind(path: Path, now: float) -> bool:
    owner = f".{path.name.split('.')[-3]}."  # name.owner.random.part
    pid = owner.rpartition("-")[2].rstrip(".")
    if pid.isdigit() and owner == _owner(int(pid)):
        return not _is_alive(int(pid))
    return now - path.stat().st_mtime > OWNERLESS_S


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _new_file_beside(target: Path) -> Path:
    import tempfile

    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent.absolute() not in _CLEARED:
        clear_leftovers(target.parent)
    prefix = f".{target.name}{_owner(os.getpid())}"
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=".part")
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
