"""Findings: what the paper says in words, decided by verified claims.

A finding compares the recomputed values of claims with each other or with a number: more, less, rising, falling,
between. The comparing word that the paper prints comes from here, out of a closed list, so that it cannot say the
opposite of what was found. Where the claims rest on the same seeds, it must hold in each of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from claimgate.checks import Disagreement, NotEvaluable
from claimgate.claim import Claim, Status, Verdict
from claimgate.closed_toml import FINDINGS, decimal_number, filled_table, id_lines, read_toml_text
from claimgate.engine import recompute
from claimgate.errors import InputError, choose, shown
from claimgate.records import SealedRecords

# Relation to its meaning, the words that say it, and how many values it takes.
RELATIONS: dict[str, tuple[Callable[[list], bool], tuple[str, ...], range]] = {
    "more": (
        lambda values: values[0] > values[1],
        ("leads", "beats", "exceeds", "exceed", "more", "above", "higher", "larger", "greater", "raises", "better"),
        range(2, 3),
    ),
    "less": (
        lambda values: values[0] < values[1],
        ("trails", "below", "less", "lower", "lowers", "smaller", "fewer", "behind", "worse", "closer"),
        range(2, 3),
    ),
    "rising": (
        lambda values: all(one < other for one, other in pairwise(values)),
        ("rises", "rise", "grows", "grow", "increases", "increase"),
        range(2, 20),
    ),
    "falling": (
        lambda values: all(one > other for one, other in pairwise(values)),
        ("falls", "fall", "shrinks", "shrink", "decreases", "decrease"),
        range(2, 20),
    ),
    "between": (
        lambda values: values[1] < values[0] < values[2],
        ("between", "not told apart", "neither", "not shown"),
        range(3, 4),
    ),
}
SEEDS = ("each", "together")
_REQUIRED = {"id", "sentence", "place", "relation", "of", "reason"}
_OPTIONAL = {"says": "", "seeds": "each"}


@dataclass(frozen=True)
class Finding:
    """One sentence and what decides it."""

    id: str
    sentence: str
    place: str
    relation: str
    of: tuple[str, ...]  # claim ids, or numbers
    reason: str
    says: str  # the word that the paper prints; empty if it prints none
    seeds: str  # "each": where claims share their records, it must hold in every one of them
    file: str = ""
    line: int = 0


def load_findings(folder: Path, claims: list[Claim]) -> list[Finding]:
    """Read `findings.toml`, if there is one.

    Args:
        folder: The claims folder.
        claims: All claims.

    Returns:
        The findings.

    Raises:
        InputError: If it is malformed, a word does not say its relation, or a claim is unknown.
    """
    path = Path(folder) / FINDINGS
    document, text = read_toml_text(path) if path.is_file() else ({}, "")
    tables = document.pop("finding", [])
    if document or not isinstance(tables, list):
        raise InputError(f"{path}: expected [[finding]] tables and nothing else")
    known = {claim.id for claim in claims}
    found = []
    for table, line in zip(tables, id_lines(text, len(tables)), strict=True):
        try:
            found.append(_finding(table, known, str(path), line))
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    if len({finding.id for finding in found} | known) < len(found) + len(known):
        raise InputError(f"{path}: an id is used twice; ids must be unique")
    return found


def judge_findings(findings: list[Finding], claims: list[Claim], records: SealedRecords) -> list[Verdict]:
    """Decide every finding.

    Args:
        findings: The findings.
        claims: All claims.
        records: Where their records are.

    Returns:
        One verdict per finding.
    """
    by_id = {claim.id: claim for claim in claims}
    return [_judge(finding, by_id, records) for finding in findings]


def _finding(table: object, known: set[str], file: str, line: int) -> Finding:
    table = filled_table(table, _REQUIRED, _OPTIONAL, {*_REQUIRED - {"of"}, "says", "seeds"})
    of = table.pop("of")
    _, words, n = choose("relation", table["relation"], RELATIONS)
    if not isinstance(of, list) or not all(isinstance(item, str) for item in of) or len(of) not in n:
        raise InputError(f"expected `of` to list {n.start} or more claims or numbers, got {shown(of)}")
    for item in of:
        if item not in known:
            decimal_number(item)
    if not known & set(of):
        raise InputError(f"expected a claim among {shown(of)}")
    if table["says"] and table["says"] not in words:
        raise InputError(f"{table['relation']} is said by one of {', '.join(words)}; got {shown(table['says'])}")
    choose("seeds", table["seeds"], dict.fromkeys(SEEDS))
    return Finding(**table, of=tuple(of), file=file, line=line)


def _judge(finding: Finding, claims: dict[str, Claim], records: SealedRecords) -> Verdict:
    holds, *_ = RELATIONS[finding.relation]
    try:
        values = [_value(item, claims, records) for item in finding.of]
        rounded = [_printed(item, claims) for item in finding.of]
        seeds = [] if finding.seeds == "together" else list(_by_seed(finding, claims, records))
    except (NotEvaluable, Disagreement) as reason:
        return _verdict(finding, Status.MISSING, str(reason))
    told = f"{finding.relation}: {', '.join(f'{value:.6g}' for value in values)}"
    against = [one for one in seeds if not holds(one)]
    if not holds(values):
        return _verdict(finding, Status.FAIL, told)
    if not holds(rounded):
        return _verdict(finding, Status.FAIL, f"{told}; what is printed does not show it")
    if against:
        return _verdict(finding, Status.FAIL, f"{told}; not in {len(against)} of {len(seeds)} seeds")
    return _verdict(finding, Status.PASS, f"{told}; in each of {len(seeds)} seeds" if len(seeds) > 1 else told)


def _value(item: str, claims: dict[str, Claim], records: SealedRecords) -> float:
    return recompute(claims[item], records)[0] if item in claims else float(item)


def _printed(item: str, claims: dict[str, Claim]) -> Decimal:
    return claims[item].number if item in claims else Decimal(item)


def _by_seed(finding: Finding, claims: dict[str, Claim], records: SealedRecords) -> list[list[float]]:
    named = [claims[item] for item in finding.of if item in claims]
    shared = {claim.records for claim in named}
    if len(shared) > 1 or any(claim.reference or claim.reduce not in ("mean", "median") for claim in named):
        return []
    (names,) = shared
    return [
        [
            recompute(replace(claims[item], records=(name,)), records)[0] if item in claims else float(item)
            for item in finding.of
        ]
        for name in names
    ]


def _verdict(finding: Finding, status: Status, detail: str) -> Verdict:
    return Verdict(
        finding.id,
        status,
        detail,
        stated=finding.says,
        sentence=finding.sentence,
        source=tuple(finding.of),
        file=finding.file,
        line=finding.line,
    )
