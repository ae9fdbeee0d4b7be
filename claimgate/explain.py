"""One claim, step by step: what it says, what is read and becomes of it, how close it must be, where it is printed."""

from collections.abc import Iterator

from claimgate.checks import UNITS, Disagreement, NotEvaluable, accepted_interval, reduce_values
from claimgate.claim import EXIT_CODES, Claim, Status
from claimgate.engine import judge, select_quantities
from claimgate.errors import InputError, shown
from claimgate.load import load_claims
from claimgate.places import claim_places
from claimgate.project import Project
from claimgate.records import SealedRecords

_SHOWN = 6  # values of one record


def explain(id_: str, project: Project) -> tuple[str, int]:
    """Explain one claim.

    Args:
        id_: Its id.
        project: The paper.

    Returns:
        The text, and the exit code of its verdict.

    Raises:
        InputError: If there is no such claim.
    """
    claims = {claim.id: claim for claim in load_claims(project.root / project.claims, project)}
    if id_ not in claims:
        near = [known for known in claims if id_.rpartition(".")[2] in known][:5]
        hint = f"; near: {', '.join(near)}" if near else ""
        raise InputError(f"expected the id of a claim, got {shown(id_)}{hint}")
    claim, records = claims[id_], SealedRecords(project.root / project.records, project)
    verdict = judge(claim, records)
    lines = [*_lines(claim, records), *_places(claim, project), f"verdict    {verdict.status.name}: {verdict.detail}"]
    return "\n".join(lines) + "\n", EXIT_CODES.get(verdict.status, 0)


def _lines(claim: Claim, records: SealedRecords) -> Iterator[str]:
    yield f"claim      {claim.id} ({claim.file}:{claim.line})"
    yield f"sentence   {claim.sentence}"
    yield f"place      {claim.place}"
    yield f"select     {claim.select}"
    yield f"quantity   {claim.quantity or '(the selected values themselves)'}"
    for what, names in (("record", claim.records), ("reference", claim.reference)):
        for name in names:
            (sealed,) = [v for v in records.verdicts({name}) if v.subject == name]
            yield f"{what:<10} {name}: {'' if sealed.status is Status.PASS else 'NOT SEALED: '}{sealed.detail}"
            yield from _values(claim, name, records)
    low, high = accepted_interval(claim)
    steps = f"{claim.reduce} of the {claim.within} of each record" if claim.within else claim.reduce
    factor = f", times {UNITS[claim.unit]} ({claim.unit})" if UNITS[claim.unit] != 1 else ""
    yield f"reduce     {steps}{factor}"
    yield f"stated     {claim.stated}{claim.printed_unit and f' {claim.printed_unit}'}, check {claim.check}"
    yield f"tolerance  {claim.tolerance}: accepted from {low} to {high}, because: {claim.reason}"


def _values(claim: Claim, name: str, records: SealedRecords) -> Iterator[str]:
    if (problem := records.get(name)[1]) is not None:
        yield f"           cannot be read: {problem[1]}"
        return
    try:
        values = select_quantities(records, name, claim.select, claim.quantity)
        more = f", ... ({len(values)} in all)" if len(values) > _SHOWN else ""
        yield f"           {', '.join(shown(value, 40) for value in values[:_SHOWN])}{more}"
        if claim.within:
            yield f"           {claim.within}: {reduce_values(values, claim.within):.12g}"
    except (NotEvaluable, Disagreement) as reason:
        yield f"           cannot be evaluated: {reason}"


def _places(claim: Claim, project: Project) -> Iterator[str]:
    found = [f"{path}:{number}" for id_, path, number in claim_places(project) if id_ == claim.id]
    yield f"printed    {', '.join(found) or 'nowhere in the paper'}"
