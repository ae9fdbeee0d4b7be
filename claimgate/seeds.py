"""Seeds that a claim leaves out: of a variant that it reads, it reads every frozen seed."""

import functools
import re
from collections import defaultdict

from claimgate.claim import Claim, Status, Verdict

_SEED = re.compile(r"_seed\d+(?![A-Za-z0-9])")


@functools.cache  # many claims read the same records
def variant_of(name: str) -> str:
    """Name what a record is a seed of.

    Args:
        name: Of the record.

    Returns:
        The name without its seed.
    """
    return _SEED.sub("", name)


def judge_seeds(claims: list[Claim], sealed: list[str]) -> list[Verdict]:
    """Look for seeds that were frozen and are not read.

    Args:
        claims: The claims.
        sealed: Names of all sealed records.

    Returns:
        One verdict per claim that leaves some out; one for all if none does.
    """
    seeds = defaultdict(set)
    for name in sealed:
        seeds[variant_of(name)].add(name)
    found = []
    for claim in claims:
        read = {*claim.records, *claim.reference}
        variants = set(map(variant_of, read))
        if left := sorted(name for variant in variants for name in seeds[variant] - read):
            found.append(
                Verdict(claim.id, Status.FAIL, f"leaves out {', '.join(left[:3])}", file=claim.file, line=claim.line)
            )
    return found or [Verdict("seeds", Status.PASS, f"{len(claims)} claims read every frozen seed of their variants")]
