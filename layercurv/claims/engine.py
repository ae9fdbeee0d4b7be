"""Verdicts of all claims, and the exit code they add up to."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import jmespath
from jmespath.exceptions import JMESPathError

from layercurv.claims.checks import Disagreement, NotEvaluable, accepted_interval, reduce_values
from layercurv.claims.claim import EXIT_CODES, Claim, Status, Verdict
from layercurv.claims.quantities import QUANTITIES
from layercurv.claims.records import SealedRecords
from layercurv.errors import InputError


@dataclass(frozen=True)
class Verification:
    """Everything that was checked."""

    files: list[Verdict]
    claims: list[Verdict]

    @property
    def exit_code(self) -> int:
        """0 if all passed; 2 something malformed, else 3 something not evaluable, else 1 a mismatch."""
        found = {verdict.status for verdict in self.files + self.claims}
        return next((code for status, code in EXIT_CODES.items() if status in found), 0)


def verify(claims: list[Claim], results: Path) -> Verification:
    """Judge every claim against the frozen records; none is skipped.

    Args:
        claims: At least one claim.
        results: The results folder, with its SHA256SUMS.

    Returns:
        A verdict per file and per claim.

    Raises:
        InputError: If there is no claim, or the manifest cannot be read.
    """
    if not claims:
        raise InputError("expected at least one claim to verify, got none")
    records = SealedRecords(results)
    verdicts = [judge(claim, records) for claim in claims]
    return Verification(records.verdicts([name for claim in claims for name in claim.records]), verdicts)


def judge(claim: Claim, records: SealedRecords) -> Verdict:
    """Recompute one claim's value and compare it with what is stated.

    Args:
        claim: The claim.
        records: Where its records are.

    Returns:
        The verdict with its evidence.
    """
    documents = []
    for name in claim.records:
        document, problem = records.get(name)
        if problem is not None:
            return Verdict(claim.id, problem[0], f"{name}: {problem[1]}", claim)
        documents.append(document)
    try:
        value, n = recompute(claim, documents)
    except NotEvaluable as reason:
        return Verdict(claim.id, Status.MISSING, str(reason), claim)
    except Disagreement as reason:
        return Verdict(claim.id, Status.FAIL, str(reason), claim)
    low, high = accepted_interval(claim)
    inside = low <= Decimal(repr(value)) <= high
    detail = f"{value:.12g} from {n} values, accepted {low} to {high}"
    return Verdict(claim.id, Status.PASS if inside else Status.FAIL, detail, claim, value, n)


def recompute(claim: Claim, documents: list) -> tuple[float, int]:
    """Select, recompute and reduce.

    Args:
        claim: The claim.
        documents: Its parsed records.

    Returns:
        The value in the claim's unit, and how many values went into it.

    Raises:
        NotEvaluable: If something the claim needs is absent or not a finite number.
        Disagreement: If values that must be the same differ.
    """
    per_record = [_values(claim, name, document) for name, document in zip(claim.records, documents, strict=True)]
    n = sum(map(len, per_record))
    if claim.within is None:
        values = [value for values in per_record for value in values]
    else:
        values = [reduce_values(values, claim.within) for values in per_record]
    return reduce_values(values, claim.reduce) * (100 if claim.unit == "%" else 1), n


def _values(claim: Claim, name: str, document: object) -> list:
    try:
        selected = jmespath.search(claim.select, document)
    except (JMESPathError, TypeError, ValueError) as error:
        raise NotEvaluable(f"{name}: {claim.select} fails: {error}") from error
    if selected is None or selected == []:
        raise NotEvaluable(f"{name}: {claim.select} finds nothing")
    items = selected if isinstance(selected, list) else [selected]
    if claim.quantity is None:
        return items
    try:
        return [QUANTITIES[claim.quantity](item) for item in items]
    except KeyError as error:
        raise NotEvaluable(f"{name}: key {error} is missing for {claim.quantity}") from error
    except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        raise NotEvaluable(f"{name}: {claim.quantity} cannot be computed: {error}") from error
