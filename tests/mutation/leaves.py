"""(b) Every value that a claim or a replication reads, changed, in our own records.

Sealed, any change fails by its checksum. Sealed anew, as by somebody who forges both, the exit code must change if the
truth of any claim does, which an independent evaluation decides (`tests/reference/claims.py`).
"""

import functools
import hashlib
import json
import multiprocessing
import random
from pathlib import Path

from claimgate.claim import Claim
from claimgate.engine import judge
from claimgate.published.audit import judge_replication
from claimgate.published.frozen import FrozenAudit
from claimgate.published.row import Row
from claimgate.records import SealedRecords
from claimgate.verification import Verification
from layercurv.claims.house import project
from tests.mutation.memory import Memory
from tests.mutation.mutants import mutants
from tests.mutation.report import Report
from tests.mutation.traced import readers
from tests.reference import claims as reference

RECORDS: SealedRecords  # of a worker, with what it remembers of them
FROZEN: FrozenAudit


class Forged(SealedRecords):
    """Records of which one is replaced, its seal with it or not."""

    def __init__(self, original: SealedRecords, name: str, document: object, reseal: bool):
        self.__dict__ = dict(original.__dict__)
        self._records = {**original._records, name: document}
        self.answers = {key: found for key, found in original.answers.items() if key[0] != name}
        asked = original.reduced.items()
        self.reduced = {key: found for key, found in asked if name not in (*key[0], *key[1])}
        if not reseal:
            self._digests = {**original._digests, name: digest(document)}


def change_values(
    claims: list[Claim],
    rows: list[Row],
    folder: Path,
    report: Report,
    seed: int,
    per_group: int,
    share: float,
    workers: int,
) -> None:
    records = SealedRecords(folder, project())
    rows = [row for row in rows if row.replication.variant is not None]
    names = {name for claim in claims for name in (*claim.records, *claim.reference)}
    names |= {name for row in rows for name in records.seeds_of(row.replication.variant)}
    claims, rows = (_judged(subjects, records, report) for subjects in (claims, rows))
    work = functools.partial(_change_one, claims=claims, rows=rows, seed=seed, per_group=per_group, share=share)
    with multiprocessing.get_context("fork").Pool(workers, _remember, (folder, sorted(names))) as pool:
        for found in pool.imap_unordered(work, sorted(names), chunksize=1):
            report.merge(found)


def _judged(subjects: list, records: SealedRecords, report: Report) -> list:
    # Those that hold before anything is changed, by the reference: of the rest it cannot say what a change does.
    holds = [_true(subject, records) for subject in subjects]
    report.unjudged += [subject.id for subject, held in zip(subjects, holds, strict=True) if not held]
    return [subject for subject, held in zip(subjects, holds, strict=True) if held]


def _remember(folder: Path, names: list[str]) -> None:
    global RECORDS, FROZEN
    RECORDS = SealedRecords(folder, project())
    FROZEN = FrozenAudit(RECORDS)
    memory = Memory([RECORDS.get(name)[0] for name in names])
    memory.remember_all(project().quantities)
    reference.quantity = memory.remember(reference.quantity)


def _change_one(name: str, claims: list[Claim], rows: list[Row], seed: int, per_group: int, share: float) -> Report:
    report = Report()
    found = _readers_of(name, claims, rows, RECORDS)
    generator = random.Random(f"{seed} {name}")
    chosen = generator.sample(sorted(found, key=str), max(1, round(share * len(found)))) if found else []
    _change_record(name, {path: found[path] for path in chosen}, RECORDS, report, generator, per_group)
    return report


def _readers_of(name: str, claims: list[Claim], rows: list[Row], records: SealedRecords) -> dict[tuple, list]:
    document, problem = records.get(name)
    assert problem is None, name
    subjects = [claim for claim in claims if name in (*claim.records, *claim.reference)]
    subjects += [row for row in rows if name in records.seeds_of(row.replication.variant)]
    return readers(subjects, lambda subject, traced: _judge(subject, Forged(records, name, traced, True)), document)


def _change_record(name, found, records, report: Report, generator: random.Random, per_group: int) -> None:
    document, _ = records.get(name)
    for path, subjects in found.items():
        positions = generator.sample(range(10_000), per_group)
        for position in positions:
            for kind, mutant in mutants(document, path, position):
                label = f"{'.'.join(map(str, path))}[{position}] {kind}"
                forged = Forged(records, name, mutant, reseal=True)
                code = Verification({"claims": [_judge(subject, forged) for subject in subjects]}).exit_code
                report.add("resealed", name, label, code, matters=any(not _true(s, forged) for s in subjects))
        kind, mutant = next(iter(mutants(document, path, positions[0])))
        sealed = Forged(records, name, mutant, reseal=False)
        report.add("sealed", name, f"{path} {kind}", Verification({"files": [sealed._judge(name)]}).exit_code)


def _judge(subject: Claim | Row, records: SealedRecords):
    return judge(subject, records) if isinstance(subject, Claim) else judge_replication(subject, records, FROZEN)


def _true(subject: Claim | Row, records: SealedRecords) -> bool:
    if isinstance(subject, Claim):
        groups = ([records.get(name)[0] for name in names] for names in (subject.records, subject.reference))
        return reference.claim_is_true(subject, *groups)
    documents = [records.get(name)[0] for name in records.seeds_of(subject.replication.variant)]
    return reference.replication_verdict(subject, documents) == subject.replication.verdict


def digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()
