"""Verdicts on all rows: what is recorded must follow from the frozen values, and these from the paper's files."""

from decimal import Decimal

from claimgate.checks import Disagreement, NotEvaluable
from claimgate.claim import Status, Verdict
from claimgate.published.evidence import Evidence, derive_verdict, lies_between, read
from claimgate.published.frozen import FrozenAudit, same_values
from claimgate.published.replication import Replicated, replicate
from claimgate.published.row import Row
from claimgate.published.source import Source
from claimgate.records import SealedRecords


def recompute_row(row: Row, source: Source) -> list[Evidence]:
    """Recompute every reading of a row.

    Args:
        row: The printed number.
        source: The paper's files.

    Returns:
        One finding per reading.

    Raises:
        NotEvaluable: If something a reading needs is absent, or a word that must be absent occurs.
    """
    for word in row.absent:
        if source.mentions(word):
            raise NotEvaluable(f"expected no published file to mention {word!r}, but one does")
    return [read(reading, row.unit, source) for reading in row.readings]


def judge_row(row: Row, frozen: FrozenAudit, source: Source | None) -> Verdict:
    """Judge the recorded verdict of one row.

    Args:
        row: The printed number with its recorded verdict.
        frozen: The frozen values.
        source: The paper's files; None judges by the frozen values alone.

    Returns:
        PASS if the recorded verdict follows and no value moved.
    """
    findings = frozen.findings(row.id)
    if findings is None:
        return _verdict(row, Status.MISSING, "not in the frozen audit; freeze it with --published DIR --freeze")
    if reworded := frozen.reworded(row):
        return _verdict(row, Status.FAIL, f"not what was audited; {reworded}")
    if source is not None:
        try:
            now = recompute_row(row, source)
        except NotEvaluable as reason:
            return _verdict(row, Status.MISSING, str(reason))
        except Disagreement as reason:
            return _verdict(row, Status.FAIL, str(reason))
        if moved := _difference(findings, now):
            return _verdict(row, Status.FAIL, moved, findings)
    if len(findings) != len(row.readings):
        return _verdict(row, Status.FAIL, f"{len(row.readings)} readings, {len(findings)} of them frozen")
    return _judge_findings(row, findings, frozen.verdict(row.id))


def judge_replication(row: Row, records: SealedRecords, frozen: FrozenAudit) -> Verdict:
    """Judge the recorded replication of one row against our own records.

    Args:
        row: The printed number with its recorded replication.
        records: Our frozen records.
        frozen: The frozen audit, whose values of the replication must be those.

    Returns:
        PASS if the recorded replication follows.
    """
    subject = f"{row.id}.replication"
    try:
        found = replicate(row, records)
    except NotEvaluable as reason:
        return _verdict(row, Status.MISSING, str(reason), subject=subject)
    except Disagreement as reason:
        return _verdict(row, Status.FAIL, str(reason), subject=subject)
    if moved := _moved(found, frozen.replication(row.id)):
        return _verdict(row, Status.FAIL, f"{moved}; freeze it with --published DIR --freeze", subject=subject)
    recorded, verdict = (text.replace("_", " ") for text in (row.replication.verdict, found.verdict))
    passes = recorded == verdict
    detail = verdict if passes else f"recorded as {recorded}, found {verdict}"
    if found.interval is not None:
        low, high = found.interval
        detail += f": {len(found.values)} seeds, one more expected in {low:.4g} to {high:.4g}"
    elif passes:
        detail += f": {row.replication.reason}"
    status = Status.PASS if passes else Status.FAIL
    mean = sum(found.values) / len(found.values) if found.values else None
    return _verdict(row, status, detail, subject=subject, value=mean, values=found.values)


def _moved(found: Replicated, frozen: Replicated | None) -> str:
    if frozen is None:
        return "not in the frozen audit"
    if frozen.verdict != found.verdict:
        return f"frozen as {frozen.verdict.replace('_', ' ')}, found {found.verdict.replace('_', ' ')}"
    for was, now in ((frozen.values, found.values), (frozen.interval or (), found.interval or ())):
        if not same_values(was, now):
            return f"frozen {list(was)}, recomputed {list(now)}"
    return ""


def judge_completeness(rows: list[Row], frozen: FrozenAudit) -> list[Verdict]:
    """Report rows that were frozen and are no longer among the audited.

    Args:
        rows: All rows of the audit file.
        frozen: The frozen values.

    Returns:
        One verdict per lost row.
    """
    lost = frozen.ids - {row.id for row in rows}
    return [
        Verdict(id_, Status.MISSING, "in the frozen audit, but no longer in the audit file") for id_ in sorted(lost)
    ]


def _judge_findings(row: Row, findings: list[Evidence], frozen: str) -> Verdict:
    found = derive_verdict(row, findings)
    if frozen != found:
        return _verdict(row, Status.FAIL, f"frozen as {frozen}, which its values do not add up to", findings)
    for reading, finding in zip(row.readings, findings, strict=True):
        if finding.stored_agrees != reading.stored_agrees:
            state = "agrees" if finding.stored_agrees else "does not agree"
            detail = f"the stored value {state} with the recomputed one, recorded otherwise: {describe([finding])}"
            return _verdict(row, Status.FAIL, detail, findings)
    if row.ties != "even" and not _has_tie(row, findings):
        return _verdict(row, Status.FAIL, f"says ties = {row.ties!r}, and no reading lies between two printed values")
    if found != row.verdict:
        return _verdict(row, Status.FAIL, f"recorded {row.verdict}, found {found}: {describe(findings)}", findings)
    return _verdict(row, Status.PASS, f"{found}: {describe(findings) or row.reason}", findings)


def _has_tie(row: Row, findings: list[Evidence]) -> bool:
    values = [Decimal(repr(value)) for finding in findings for value in finding.values]
    return any(lies_between(value, stated) for stated in row.numbers for value in values)


def _verdict(row: Row, status: Status, detail: str, findings: list[Evidence] | None = None, **found) -> Verdict:
    if findings:
        values = tuple(value for finding in findings for value in finding.values)
        found = {"value": values[0], "values": values}
    found.setdefault("subject", row.id)
    return Verdict(
        status=status,
        detail=detail,
        stated=row.printed,
        sentence=row.sentence,
        source=_sources(row) if found["subject"] == row.id else _own_sources(row),
        file=row.file,
        line=row.line,
        **found,
    )


def _sources(row: Row) -> tuple[str, ...]:
    return tuple(
        f"{part.name}: {part.select} | {part.quantity or 'as stored'} | {reading.reduce}"
        for reading in row.readings
        for part in reading.parts
    )


def _own_sources(row: Row) -> tuple[str, ...]:
    plan = row.replication
    if plan.variant is None:
        return ()
    return (f"{plan.variant}: {plan.select} | {plan.quantity or 'as selected'} | {plan.reduce}",)


def describe(findings: list[Evidence]) -> str:
    """Say what readings found, in one line.

    Args:
        findings: One per reading.

    Returns:
        Their values, with the stored ones where these differ.
    """
    texts = []
    for finding in findings:
        text = ", ".join(f"{value:.6g}" for value in finding.values)
        if not finding.stored_agrees:
            text += f" (stored: {', '.join(f'{value:.6g}' for value in finding.stored)})"
        texts.append(text)
    return "; ".join(texts)


def _difference(frozen: list[Evidence], now: list[Evidence]) -> str:
    for number, (before, after) in enumerate(zip(frozen, now, strict=False), start=1):
        for was, value in ((before.values, after.values), (before.stored or (), after.stored or ())):
            if not same_values(was, value):
                return f"reading {number}: frozen {list(was)}, recomputed {list(value)}"
        if before.n != after.n:
            return f"reading {number}: frozen from {before.n} numbers, recomputed from {after.n}"
    return "" if len(frozen) == len(now) else f"{len(frozen)} readings frozen, {len(now)} recomputed"
