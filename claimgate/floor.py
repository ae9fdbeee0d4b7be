"""The floor under the number of claims: nothing that was checked once may go unchecked unnoticed."""

import functools
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from claimgate.claim import Claim, Status, Verdict
from claimgate.closed_toml import FLOOR, read_toml
from claimgate.errors import InputError, shown
from claimgate.seeds import variant_of

if TYPE_CHECKING:
    from claimgate.findings import Finding
    from claimgate.published.row import Row

_HEAD = "# The least there must be of each kind. Raised by `--raise-floor`, lowered only by hand.\n"


def count(claims: list[Claim], rows: list["Row"], findings: list["Finding"], n_bound: int) -> dict[str, int]:
    """Count what the floor holds.

    Args:
        claims: All claims.
        rows: All rows of the audit.
        findings: All findings.
        n_bound: How many texts of documents are bound.

    Returns:
        Kind to count. Waivers are counted from the other side, so that their number cannot rise unnoticed.
    """
    return {
        "claims": len(claims),
        "claims_without_waiver": sum(not claim.is_waiver for claim in claims),
        "published_rows": len(rows),
        "published_rows_with_readings": sum(bool(row.readings) for row in rows),
        "published_rows_replicated_or_not": sum(row.replication.variant is not None for row in rows),
        "findings": len(findings),
        "bound_texts_of_documents": n_bound,
        "seeds_of_a_claim": min(map(seeds_of_least, claims), default=0),
    }


def seeds_of_least(claim: Claim) -> int:
    """Count seeds.

    Args:
        claim: A claim.

    Returns:
        Of its variant with the fewest, how many; a record that is no run counts as many.
    """
    return _least((*claim.records, *claim.reference))


@functools.cache  # many claims read the same records
def _least(names: tuple[str, ...]) -> int:
    runs = (variant_of(name) for name in names if "_seed" in name)
    return min(Counter(runs).values(), default=10**6)


def load_floor(folder: Path) -> dict[str, int]:
    """Read how much there must be at least.

    Args:
        folder: The claims folder with its `floor.toml`.

    Returns:
        Kind to count.

    Raises:
        InputError: If the file is missing or holds anything but counts.
    """
    path = Path(folder) / FLOOR
    if not path.is_file():
        raise InputError(f"{path}: expected the least number of claims, found none; write it with --raise-floor")
    floor = read_toml(path)
    for kind, n in floor.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise InputError(f"{path}: expected {shown(kind)} to be a count, got {shown(n)}")
    return floor


def judge_counts(counts: dict[str, int], floor: dict[str, int]) -> list[Verdict]:
    """Hold what is there against what was there.

    Args:
        counts: How many there are of each kind.
        floor: How many there must be at least; every kind.

    Returns:
        One verdict per kind.

    Raises:
        InputError: If the two do not name the same kinds.
    """
    if differing := sorted(counts.keys() ^ floor.keys()):
        raise InputError(
            f"{FLOOR}: expected {', '.join(counts)}; unknown or missing: {shown(differing)}; use --raise-floor"
        )
    return [_judge(kind, n, floor[kind]) for kind, n in counts.items()]


def raise_floor(folder: Path, counts: dict[str, int]) -> list[str]:
    """Write the present counts as the floor; a count that fell keeps its old floor.

    Args:
        folder: The claims folder.
        counts: How many there are of each kind.

    Returns:
        One line per kind.
    """
    from claimgate.files import write_text_atomically

    path = Path(folder) / FLOOR
    before = load_floor(folder) if path.is_file() else {}
    after = {kind: max(n, before.get(kind, 0)) for kind, n in counts.items()}
    write_text_atomically(path, _HEAD + "".join(f"{kind} = {n}\n" for kind, n in after.items()))
    return [f"{kind}: {before.get(kind, 'none')} -> {n} (now {counts[kind]})" for kind, n in after.items()]


def _judge(kind: str, n: int, least: int) -> Verdict:
    if n < least:
        return Verdict(kind, Status.MISSING, f"{n} found, there were at least {least}")
    return Verdict(kind, Status.PASS, f"{n} found, at least {least} expected")
