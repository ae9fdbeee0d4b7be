"""Versioned JSON Schemas of the records, shipped beside this file."""

import functools
import json
from importlib import resources

from claimgate import schema
from layercurv.errors import InputError

VERSION = "v1"


@functools.cache
def schema_for(experiment: str) -> dict:
    """Load the schema of one experiment's records.

    Args:
        experiment: Experiment id, such as "alpha_map".

    Returns:
        The JSON Schema (draft 2020-12), with the shared definitions of `common.json` merged in.

    Raises:
        InputError: If there is no schema of that name.
    """
    folder = resources.files("layercurv.results") / "schemas" / VERSION
    path = folder / f"{experiment}.json"
    if not path.is_file():
        known = sorted(item.name[:-5] for item in folder.iterdir() if item.name not in ("common.json",))
        raise InputError(f"no record schema for experiment {experiment!r}; there is one for: {', '.join(known)}")
    common = json.loads((folder / "common.json").read_text(encoding="utf-8"))
    specific = json.loads(path.read_text(encoding="utf-8"))
    return specific | {"$defs": common["$defs"] | specific.get("$defs", {})}


def violations(record: object, experiment: str) -> list[tuple[str, str]]:
    """Check a record against its schema.

    Args:
        record: The parsed record.
        experiment: Experiment id.

    Returns:
        For each violation the name of the broken rule ("required", "type", ...) and one line giving the path
        inside the record, the rule and what stands there; empty for a valid record.
    """
    return schema.violations(record, schema_for(experiment))


def validate(record: object, experiment: str, where: str) -> None:
    """Raise unless a record meets its schema.

    Args:
        record: The parsed record.
        experiment: Experiment id.
        where: File name for the message.

    Raises:
        InputError: With every violation, one per line.
    """
    found = violations(record, experiment)
    if found:
        lines = "\n  ".join(message for _, message in found[:20])
        raise InputError(f"{where}: does not meet schema {VERSION}/{experiment}.json:\n  {lines}")
