"""The whole gate: files, claims, audit, replication and counts, in one verification."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from layercurv.claims.base import judge_changes
from layercurv.claims.claim import Claim, Verdict
from layercurv.claims.closed_toml import PUBLISHED
from layercurv.claims.documents import judge_documents, load_bound
from layercurv.claims.engine import choose_by_id, fits_at_hand, judge_claims
from layercurv.claims.findings import Finding, judge_findings, load_findings
from layercurv.claims.floor import count, judge_counts, load_floor
from layercurv.claims.load import load_claims
from layercurv.claims.locked.lock import accept_lines, changed_lines, judge_locks
from layercurv.claims.locked.sources import Lines, claimed_lines, made_lines, written_lines
from layercurv.claims.paper_source import judge_sources
from layercurv.claims.provenance import judge_provenance
from layercurv.claims.published.audit import judge_completeness, judge_replication, judge_row
from layercurv.claims.published.frozen import NAME as AUDIT
from layercurv.claims.published.frozen import FrozenAudit
from layercurv.claims.published.load import load_rows
from layercurv.claims.published.replication import seeds_of
from layercurv.claims.published.row import Row
from layercurv.claims.published.source import Source
from layercurv.claims.records import SealedRecords
from layercurv.claims.report.summary import summary
from layercurv.claims.seeds import judge_seeds
from layercurv.claims.verification import Verification
from layercurv.errors import InputError


@dataclass(frozen=True)
class Gate:
    """What is to be checked, and where it lies."""

    claims: Path  # folder of *.toml
    results: Path  # folder of frozen records
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
        claims, rows = self._load()
        findings = load_findings(self.claims, claims)
        counts = judge_counts(count(claims, rows, findings, len(load_bound(self.claims))), load_floor(self.claims))
        records = SealedRecords(self.results)
        frozen = FrozenAudit(records)
        source = None if self.published is None else Source(self.published)
        lost = judge_completeness(rows, frozen)
        all_claims, all_rows = claims, rows
        findings = choose_by_id(findings, self.only)
        claims, rows = choose_by_id(claims, self.only), choose_by_id(rows, self.only)
        if not claims and not rows and not findings:
            raise InputError(f"--only {self.only}: no claim and no row has such an id")
        with fits_at_hand(_asked(claims, rows, records), records):
            groups = {
                "claims": judge_claims(claims, records),
                "published": [judge_row(row, frozen, source) for row in rows] + lost,
                "findings": judge_findings(findings, all_claims, records),
                "replication": [judge_replication(row, records, frozen) for row in rows],
            }
        groups |= {
            "published files": [] if source is None else frozen.judge_files(source),
            "files": records.verdicts(_needed(all_claims, all_rows, records)),
            "provenance": judge_provenance(records, self.results),
            "seeds": judge_seeds(claims, records.sealed_names),
            "counts": counts,
            "documents": self._judge_documents(all_claims, records),
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
        claims, rows = self._load()
        return count(claims, rows, load_findings(self.claims, claims), len(load_bound(self.claims)))

    def _judge_documents(self, claims: list[Claim], records: SealedRecords) -> list[Verdict]:
        if self.documents is None:
            return []
        return judge_documents(self.documents, load_bound(self.claims), claims, records)

    def _judge_changes(self) -> list[Verdict]:
        if self.base is None:
            return []
        root = self.claims.resolve().parent if self.documents is None else self.documents
        return judge_changes(root, self.claims, self.results, self.base)

    def _judge_sentences(
        self, claims: list[Claim], rows: list[Row], findings: list[Finding], found: list[Verdict]
    ) -> list[Verdict]:
        if self.documents is None:
            return []
        places = None if self.only is None else {item.id for item in (*claims, *rows, *findings)}
        judged = judge_locks(self.claims, claimed_lines(claims, rows, findings, found), places)
        return judge_sources(self.documents) + judge_locks(self.claims, written_lines(self.documents)) + judged

    def _lines(self, found: Verification) -> dict[str, Lines]:
        claims, rows = self._load()
        claimed = claimed_lines(claims, rows, load_findings(self.claims, claims), found.groups["claims"])
        return written_lines(self.documents) | made_lines(self.documents) | claimed

    def _load(self) -> tuple[list[Claim], list[Row]]:
        published = self.claims / PUBLISHED
        return load_claims(self.claims), load_rows(published) if published.is_file() else []


def _asked(claims: list[Claim], rows: list[Row], records: SealedRecords) -> Iterator[tuple[str, str, str | None]]:
    for claim in claims:
        yield from ((name, claim.select, claim.quantity) for name in (*claim.records, *claim.reference))
    for plan in (row.replication for row in rows if row.replication.variant is not None):
        yield from ((name, plan.select, plan.quantity) for name in seeds_of(plan.variant, records))


def _needed(claims: list[Claim], rows: list[Row], records: SealedRecords) -> set[str]:
    names = {name for claim in claims for name in (*claim.records, *claim.reference)}
    variants = {row.replication.variant for row in rows} - {None}
    return names.union(*(seeds_of(variant, records) for variant in variants)) | ({AUDIT} if rows else set())
