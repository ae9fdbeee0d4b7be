"""The independent evaluation agrees with the gate on what is frozen; else it could not judge what a change does."""

from pathlib import Path

import pytest

from claimgate.closed_toml import PUBLISHED
from claimgate.load import load_claims
from claimgate.published.load import load_rows
from claimgate.records import SealedRecords
from layercurv.claims.house import project
from tests.mutation.memory import Memory
from tests.reference import claims as reference


@pytest.fixture(scope="module")
def records() -> SealedRecords:
    return SealedRecords(Path("results"), project())


def test_every_claim_holds_by_the_reference(records, monkeypatch):
    claims = load_claims(Path("claims"), project())
    documents = {name: records.get(name)[0] for claim in claims for name in (*claim.records, *claim.reference)}
    monkeypatch.setattr(reference, "quantity", Memory(list(documents.values())).remember(reference.quantity))
    false = [claim.id for claim in claims if not reference.claim_is_true(claim, *_groups(claim, documents))]
    assert len(claims) > 900 and not false


def test_every_replication_comes_to_its_verdict_by_the_reference(records):
    rows = [row for row in load_rows(Path("claims", PUBLISHED), project()) if row.replication.variant is not None]
    documents = {row.id: [records.get(n)[0] for n in records.seeds_of(row.replication.variant)] for row in rows}
    found = {row.id: reference.replication_verdict(row, documents[row.id]) for row in rows}
    assert found == {row.id: row.replication.verdict for row in rows} and len(rows) > 100


def _groups(claim, documents: dict) -> tuple[list, list]:
    return [documents[name] for name in claim.records], [documents[name] for name in claim.reference]
