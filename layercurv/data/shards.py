"""Parquet shards of a data set: from a local folder, checksums verified, or from the hub by the same schema."""

import json
from dataclasses import dataclass
from pathlib import Path

from layercurv.errors import InputError
from layercurv.files import sha256_file


@dataclass(frozen=True)
class Shards:
    """The splits of one data set, still encoded, and where they came from."""

    splits: dict  # split name -> datasets.Dataset
    source: str  # "local shards" or the hub's name
    checksums: dict[str, str]  # shard name -> SHA-256
    expected_pixels: dict[str, str]  # split -> SHA-256 of the decoded uint8 NCHW array, where the source states it


def open_shards(
    name: str, root: str | None, hub: str | None, names: dict[str, str], hub_subset: str | None = None
) -> Shards:
    """Open a data set from a local folder if `root` is given, else from the hub.

    Args:
        name: Folder of the data set below `root`, such as "cifar10".
        root: Folder holding MANIFEST.json and one folder per data set; None asks the hub.
        hub: Name on the hub, such as "uoft-cs/cifar10"; None if it is not there.
        names: For each split wanted ("train", "test"), the data set's own name of it ("valid").
        hub_subset: Which of the hub's configurations of the data set, such as "wikitext-2-v1"; None if it has one only.

    Returns:
        The splits, by the names wanted.

    Raises:
        InputError: If shards are missing or altered, or there is neither a folder nor a name on the hub.
    """
    if root is not None:
        return _open_local(name, Path(root), names)
    if hub is None:
        raise InputError(
            f"{name} is not on the hub: set data.root=FOLDER, where FOLDER holds MANIFEST.json and {name}/"
        )
    return _open_hub(name, hub, names, hub_subset)


def _open_local(name: str, root: Path, names: dict[str, str]) -> Shards:
    from datasets import Dataset, disable_progress_bars

    entry = _manifest_entry(root, name)
    disable_progress_bars()
    checksums = {shard["file"]: _verified(root, shard) for shard in entry["shards"]}
    splits = {}
    for split, own in names.items():
        files = [str(root / file) for file in sorted(checksums) if Path(file).name.startswith(f"{own}-")]
        if not files:
            raise InputError(f"{root / 'MANIFEST.json'}: expected {name} to list shards named {own}-*.parquet")
        splits[split] = Dataset.from_parquet(files)
    whole = {} if "selection" in entry else entry.get("raw_sha256_NCHW_uint8", {})  # a selection has other pixels
    return Shards(splits, "local shards", checksums, whole)


def _manifest_entry(root: Path, name: str) -> dict:
    manifest = root / "MANIFEST.json"
    if not manifest.is_file():
        raise InputError(
            f"data.root={root}: expected a folder with MANIFEST.json and {name}/*.parquet, found no {manifest}; "
            "leave data.root unset to download from the hub"
        )
    try:
        known = json.loads(manifest.read_text(encoding="utf-8"))["datasets"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest}: expected a list of shards, got {error!r}; fetch the file again") from error
    if name not in known:
        raise InputError(f"{manifest}: no data set {name!r}; it lists: {', '.join(sorted(known))}")
    return known[name]


def _verified(root: Path, shard: dict) -> str:
    path = root / shard["file"]
    if not path.is_file():
        raise InputError(f"{path}: expected this shard (listed in MANIFEST.json), found none; fetch it again")
    found = sha256_file(path)
    if found != shard["sha256"]:
        raise InputError(f"{path}: expected SHA-256 {shard['sha256']}, got {found}; fetch the shard again")
    return found


def _open_hub(name: str, hub: str, names: dict[str, str], subset: str | None) -> Shards:
    import datasets
    import huggingface_hub

    huggingface_hub.utils.logging.set_verbosity_error()  # its retry notices would bury the one message below
    try:
        # `datasets` verifies the hub's own size and checksum records while it downloads.
        loaded = datasets.load_dataset(hub, subset, verification_mode="all_checks")
    except (ConnectionError, OSError, datasets.exceptions.DatasetsError) as error:
        files = ",".join(names.values())
        raise InputError(
            f"cannot fetch {hub} from the hub ({type(error).__name__}) and data.root is not set. Either go online, "
            f"or set data.root=FOLDER, where FOLDER holds MANIFEST.json and {name}/{{{files}}}-*.parquet"
        ) from error
    found = next(iter(loaded.values())).info.download_checksums or {}
    checksums = {
        url: str(entry.get("checksum") or f"etag of {entry.get('num_bytes')} bytes") for url, entry in found.items()
    }
    return Shards({split: loaded[own] for split, own in names.items()}, hub, checksums, {})
