"""(b) Every value that a row reads, changed, in the audited paper's own files."""

import contextlib
import copy
import random
from pathlib import Path

from claimgate.checks import Disagreement, NotEvaluable
from claimgate.published.audit import judge_row, recompute_row
from claimgate.published.frozen import FrozenAudit
from claimgate.published.row import Row
from claimgate.published.source import SUFFIX, Source
from claimgate.records import SealedRecords
from claimgate.verification import Verification
from layercurv.claims.house import project
from layercurv.claims.published.source_quantities import QUANTITIES
from tests.mutation.leaves import digest
from tests.mutation.memory import Memory
from tests.mutation.mutants import at, mutants
from tests.mutation.report import Report
from tests.mutation.traced import readers


def change_paper(rows: list[Row], folder: Path, results: Path, report: Report, seed: int) -> None:
    source, frozen = Source(folder, project().audit), FrozenAudit(SealedRecords(results, project()))
    Memory(list(source.documents.values())).remember_all(QUANTITIES)
    generator = random.Random(seed)
    for name, document in source.documents.items():
        mine = [
            row for row in rows if any(part.file in (name, "*") for r in row.readings for part in r.parts + r.stored)
        ]
        found = readers(mine, lambda row, traced, name=name: _try(row, _with(source, name, traced)), document)
        for path, readers_of_path in found.items():
            position = generator.randrange(10_000)
            for kind, mutant in mutants(document, path, position):
                changed = _with(source, name, mutant, digest(at(mutant, path[:-1])))
                verdicts = {
                    "published": [judge_row(row, frozen, changed) for row in readers_of_path],
                    "published files": frozen.judge_files(changed),
                }
                if digest(at(mutant, path[:-1])) == digest(at(document, path[:-1])):
                    continue  # zero times 1.5, two equal neighbours exchanged: no change at all
                label = f"{'.'.join(map(str, path))}[{position}] {kind}"
                report.add("published", f"{source.audit.prefix}{name}{SUFFIX}", label, Verification(verdicts).exit_code)


def _with(source: Source, name: str, document, sha256: str | None = None) -> Source:
    # The digest need only differ from that of the file, so it is taken of the part that was changed.
    changed = copy.copy(source)
    changed.documents = {**source.documents, name: document}
    if sha256 is not None:
        changed.sha256 = {**source.sha256, f"{source.audit.prefix}{name}{SUFFIX}": sha256}
    return changed


def _try(row: Row, source: Source) -> None:
    with contextlib.suppress(NotEvaluable, Disagreement):
        recompute_row(row, source)
