"""Records of one variant, one per seed."""

import re
from collections import defaultdict
from pathlib import Path

from layercurv.results.headlines import HEADLINES
from layercurv.results.store import read_record

_SEED = re.compile(r"_seed\d+$")


def without_seed(variant: str) -> str:
    """Name what the seeds of one variant have in common.

    Args:
        variant: A record's variant, "vit_cifar10_seed0".

    Returns:
        "vit_cifar10".
    """
    return _SEED.sub("", variant)


def records_by_variant(results: Path) -> dict[tuple[str, str, str], list[dict]]:
    """Read all records of experiments that have headlines.

    Args:
        results: Folder of records.

    Returns:
        Experiment, variant without its seed, and scale to the records, one per seed.
    """
    found = defaultdict(list)
    for path in sorted(Path(results).glob("*/*.json")):
        if path.parent.name in HEADLINES and not path.name.endswith(".smoke.json"):
            record = read_record(path)
            found[record["experiment"], without_seed(record["variant"]), record["scale"]].append(record)
    return dict(found)
