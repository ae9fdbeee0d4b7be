"""Files of weights that others trained: found below a data folder, their checksums verified."""

import json
from dataclasses import dataclass
from pathlib import Path

from layercurv.errors import InputError
from layercurv.files import sha256_file


@dataclass(frozen=True)
class WeightFile:
    """A file of weights and its checksum."""

    path: Path
    sha256: str

    def provenance(self, note: str) -> dict[str, str]:
        """Say for a record whose weights these are.

        Args:
            note: Who trained them, and what has been done to them since.

        Returns:
            `{"file", "sha256", "note"}`; the file by its last two names, for folders differ between machines.
        """
        return {"file": "/".join(self.path.parts[-2:]), "sha256": self.sha256, "note": note}


def verified_weights(root: str | Path | None, folder: str, file: str, elsewhere: str) -> WeightFile:
    """Find a file of weights and compare it with the checksum that MANIFEST.json lists.

    Args:
        root: The data folder, with MANIFEST.json.
        folder: Folder of the network below `root`, which is its name in MANIFEST.json too.
        file: The file's name in it.
        elsewhere: What else a user can do, or where the weights come from; ends every message.

    Returns:
        The file.

    Raises:
        InputError: If there is no folder, or the file is missing, not listed or altered.
    """
    name = f"{folder}/{file}"
    if root is None:
        raise InputError(f"model.root: expected a folder with MANIFEST.json and {name}, got none; {elsewhere}")
    manifest, path = Path(root) / "MANIFEST.json", Path(root) / name
    for needed in (manifest, path):
        if not needed.is_file():
            raise InputError(f"model.root={root}: expected MANIFEST.json and {name}, found no {needed}; {elsewhere}")
    listed = json.loads(manifest.read_text(encoding="utf-8"))["datasets"].get(folder, {"shards": []})
    expected = {shard["file"]: shard["sha256"] for shard in listed["shards"]}.get(name)
    if expected is None:
        raise InputError(f"{manifest}: expected it to list {name} with its SHA-256, it does not; {elsewhere}")
    return verified_file(path, expected, elsewhere)


def verified_file(path: Path, sha256: str, elsewhere: str) -> WeightFile:
    """Compare a file of weights with the checksum it should have.

    Args:
        path: The file.
        sha256: What is expected.
        elsewhere: What else a user can do; ends the message.

    Returns:
        The file.

    Raises:
        InputError: If it is another one.
    """
    found = sha256_file(path)
    if found != sha256:
        raise InputError(f"{path}: expected SHA-256 {sha256}, got {found}; fetch the file again. {elsewhere}")
    return WeightFile(path, found)
