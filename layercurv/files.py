"""Where the checkout and installed files are; atomic writes and checksums are claimgate's."""

import importlib.util
from pathlib import Path

from claimgate.files import WriteError, atomic_path, require_writable, sha256_file, write_text_atomically

__all__ = [
    "ROOT",
    "WriteError",
    "atomic_path",
    "in_checkout",
    "installed_file",
    "require_writable",
    "sha256_file",
    "write_text_atomically",
]

ROOT = Path(__file__).resolve().parents[1]


def in_checkout(path: str) -> Path:
    """Find a file or folder of this checkout from whatever folder a command is called in.

    Args:
        path: Relative to the root of the checkout.

    Returns:
        The same path where the root is the working directory, so that messages stay short; an absolute one elsewhere.
    """
    return Path(path) if Path.cwd() == ROOT else ROOT / path


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
