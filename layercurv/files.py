"""Atomic writes, checksums, and where the checkout is."""

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def in_checkout(path: str) -> Path:
    """Find a file or folder of this checkout from whatever folder a command is called in.

    Args:
        path: Relative to the root of the checkout.

    Returns:
        The same path where the root is the working directory, so that messages stay short; an absolute one elsewhere.
    """
    return Path(path) if Path.cwd() == ROOT else ROOT / path


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Args:
        path: The file.

    Returns:
        The lower-case hexadecimal digest.
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def installed_file(name: str) -> Path | None:
    """Find a file by its path, or else in an installed package, which is not imported.

    Args:
        name: A path, or "package/file" with the package's import name.

    Returns:
        The file; None if there is neither.
    """
    if Path(name).is_file():
        return Path(name)
    package, _, inside = name.partition("/")
    found = importlib.util.find_spec(package) if package.isidentifier() else None
    folders = (found and found.submodule_search_locations) or ()
    return next((Path(folder) / inside for folder in folders if (Path(folder) / inside).is_file()), None)


@contextmanager
def atomic_path(target: Path) -> Generator[Path]:
    """Yield a temporary path beside `target`; move it onto `target` once the block ends without an error.

    A reader sees the old file or the whole new one, never a part, also after `kill -9` or a power cut:
    the bytes are flushed to disk before the rename.

    Args:
        target: The file to create or replace; missing parent folders are made.

    Yields:
        The temporary path to write to.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text_atomically(target: Path, text: str) -> None:
    """Write UTF-8 text to `target` in one step.

    Args:
        target: The file to create or replace.
        text: Its whole content.
    """
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
