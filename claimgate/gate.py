"""The whole gate: files, claims, audit, replication and counts, in one verification."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from claimgate.claim import Claim, Verdict
from claimgate.closed_toml import DOCUMENTS, FINDINGS, PUBLISHED
from claimgate.engine import choose_by_id, fits_at_hand, judge_claims
from claimgate.errors import InputError
from claimgate.floor import count, judge_counts, load_floor
from claimgate.load import load_claims
from claimgate.locked.lock import FOLDER, accept_lines, changed_lines, judge_locks
from claimgate.locked.sources import Lines, claimed_lines, made_lines, seen_lines, written_lines
from claimgate.papers.sources import judge_paper_sources
from claimgate.project import Project
from claimgate.provenance import judge_provenance
from claimgate.records import SealedRecords
from claimgate.seeds import judge_seeds
from claimgate.verification import Verification

if TYPE_CHECKING:
    from claimgate.documents import Bound
    from claimgate.findings import Finding
    from claimgate.published.row import Row


@dataclass(frozen=True)
class Gate:
    """What is to be checked, and where it lies."""

    claims: Path  # folder of *.toml
    results: Path  # folder of frozen records
    project: Project  # what is particular to this paper
    published: Path | None = None  # folder with the audited paper's own files; None audits from the frozen values
    only: str | None = None  # shell patterns of ids; None checks all
    documents: Path | None = None  # folder with README.md, paper/ and figures/; None leaves sentences unjudged
    base: str | None = None  # branch or commit whose rules these are compared with

    def verify(self) -> Verification:
        """Judge everything.

        Returns:
            Verdicts by kind. `only` narrows claims, rows and replications; the files are always all checked.

        Raises:
            InputError: If a claims file, the floor or the manifest is missing or malformed, or `only` names nothing.
        """
        claims, rows, findings, bound = self._load()
        counts = judge_counts(count(claims, rows, findings, len(bound)), load_floor(self.claims))
        records = SealedRecords(self.results, self.project)
        all_claims, all_rows = claims, rows
        findings = choose_by_id(findings, self.only)
        claims, rows = choose_by_id(claims, self.only), choose_by_id(rows, self.only)
        if not claims and not rows and not findings:
            raise InputError(f"--only {self.only}: no claim and no row has such an id")
        with fits_at_hand(_asked(claims, rows, records), records):
            audited = self._judge_audit(rows, all_rows, records)
            groups = {
                "claims": judge_claims(claims, records),
                "published": audited.pop("published", []),
                "findings": _judge_findings(findings, all_claims, records),
            } | audited
        groups |= {
            "files": records.verdicts(_needed(all_claims, all_rows, records)),
            "provenance": judge_provenance(records, self.results),
            "seeds": judge_seeds(claims, records.sealed_names),
            "counts": counts,
            "documents": self._judge_documents(bound, all_claims, records),
            "sentences": self._judge_sentences(claims, rows, findings, groups["claims"]),
            "changes": self._judge_changes(),
        }
        return Verification(
            {kind: verdicts for kind, verdicts in groups.items() if verdicts},
            {claim.id: claim for claim in claims},
            {row.id: row for row in rows},
        )

    def accept_sentences(self) -> list[str]:
        """Accept all sentences as they are written now.

        Returns:
            What differs from those accepted before.

        Raises:
            InputError: If a claim or a row fails: what is false is not accepted.
        """
        verification = replace(self, only=None, documents=None).verify()
        if verification.exit_code:
            from claimgate.report import summary

            raise InputError(f"expected claims that hold before sentences are accepted: {summary(verification)}")
        lines = self._lines(verification)
        return [line for name in lines for line in accept_lines(self.claims, name, lines[name])]

    def changed_sentences(self) -> list[str]:
        """Compare sentences with those accepted.

        Returns:
            Lines lost and new ones.
        """
        lines = self._lines(replace(self, only=None, documents=None).verify())
        return [line for name in lines for line in changed_lines(self.claims, name, lines[name])]

    def counts(self) -> dict[str, int]:
        """Count claims and rows, for the floor.

        Returns:
            Kind to count.
        """
        claims, rows, findings, bound = self._load()
        return count(claims, rows, findings, len(bound))

    def _judge_audit(
        self, rows: list["Row"], all_rows: list["Row"], records: SealedRecords
    ) -> dict[str, list[Verdict]]:
        if not all_rows and self.project.audit is None and self.published is None:
            return {}
        from claimgate.published.audit import judge_completeness, judge_replication, judge_row
        from claimgate.published.frozen import FrozenAudit

        frozen = FrozenAudit(records)
        source = None if self.published is None else _source(self.published, self.project)
        return {
            "published": [judge_row(row, frozen, source) for row in rows] + judge_completeness(all_rows, frozen),
            "replication": [judge_replication(row, records, frozen) for row in rows],
            "published files": [] if source is None else frozen.judge_files(source),
        }

    def _judge_documents(self, bound: list["Bound"], claims: list[Claim], records: SealedRecords) -> list[Verdict]:
        if self.documents is None or not bound:
            return []
        from claimgate.documents import judge_documents

        return judge_documents(self.documents, bound, claims, records)

    def _judge_changes(self) -> list[Verdict]:
        if self.base is None:
            return []
        from claimgate.base import judge_changes  # what only few commands need

        root = self.claims.resolve().parent if self.documents is None else self.documents
        return judge_changes(root, self.claims, self.results, self.base)

    def _judge_sentences(
        self, claims: list[Claim], rows: list["Row"], findings: list["Finding"], found: list[Verdict]
    ) -> list[Verdict]:
        if self.documents is None:
            return []
        places = None if self.only is None else {item.id for item in (*claims, *rows, *findings)}
        judged = judge_locks(self.claims, claimed_lines(claims, rows, findings, found), places)
        written = judge_locks(self.claims, written_lines(self.documents, self.project.locked))
        return judge_paper_sources(self.documents, self.project) + written + judged + self._judge_made()

    def _judge_made(self) -> list[Verdict]:
        # Figures and whatever else is told by its digest, as far as it is there: programs draw it after claims hold.
        lines = seen_lines(self.documents, self.project.locked)
        if not (self.claims / FOLDER / "made.txt").is_file() or not lines:
            return []
        return judge_locks(self.claims, {"made": lines}, {name for name, _ in lines})

    def _lines(self, found: Verification) -> dict[str, Lines]:
        claims, rows, findings, _ = self._load()
        claimed = claimed_lines(claims, rows, findings, found.groups["claims"])
        locked = self.project.locked
        return written_lines(self.documents, locked) | made_lines(self.documents, locked) | claimed

    def _load(self) -> tuple[list[Claim], list["Row"], list["Finding"], list["Bound"]]:
        # What reads a file that most papers have not got is loaded with it.
        rows, findings, bound = [], [], []
        claims = load_claims(self.claims, self.project)
        if (self.claims / PUBLISHED).is_file():
            from claimgate.published.load import load_rows

            rows = load_rows(self.claims / PUBLISHED, self.project)
        if (self.claims / FINDINGS).is_file():
            from claimgate.findings import load_findings

            findings = load_findings(self.claims, claims)
        if (self.claims / DOCUMENTS).is_file():
            from claimgate.documents import load_bound

            bound = load_bound(self.claims)
        return claims, rows, findings, bound


def _judge_findings(findings: list["Finding"], claims: list[Claim], records: SealedRecords) -> list[Verdict]:
    if not findings:
        return []
    from claimgate.findings import judge_findings

    return judge_findings(findings, claims, records)


def _asked(claims: list[Claim], rows: list["Row"], records: SealedRecords) -> Iterator[tuple[str, str, str | None]]:
    for claim in claims:
        yield from ((name, claim.select, claim.quantity) for name in (*claim.records, *claim.reference))
    for plan in (row.replication for row in rows if row.replication.variant is not None):
        yield from ((name, plan.select, plan.quantity) for name in records.seeds_of(plan.variant))


def _needed(claims: list[Claim], rows: list["Row"], records: SealedRecords) -> set[str]:
    names = {name for claim in claims for name in (*claim.records, *claim.reference)}
    variants = {row.replication.variant for row in rows} - {None}
    frozen = {records.project.audit.record} if rows else set()
    return names.union(frozen, *map(records.seeds_of, variants))


def _source(folder: Path, project: Project):
    from claimgate.published.source import Source

    if project.audit is None:
        raise InputError("--published: expected a project that audits somebody's paper: a module with AUDIT")
    return Source(folder, project.audit)
