"""Records as documents: do they meet their schemas, hold finite numbers, and say the same where they say it twice?"""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from claimgate.bulk_schema import all_meet, is_finite
from claimgate.claim import Status, Verdict
from claimgate.errors import InputError, shown
from claimgate.history import commit_times, history_disagreements, is_shallow, names_commit
from claimgate.project import group_of
from claimgate.records import SealedRecords

HISTORY = "history"  # the subject of what is said of commits


def judge_provenance(records: SealedRecords, folder: Path) -> list[Verdict]:
    """Judge every record that is sealed or lies in the folder, whether a claim reads it or not.

    Args:
        records: The records.
        folder: The results folder, for the history of its checkout.

    Returns:
        One verdict per record that can be read, and one on the history.
    """
    found = {name: record for name in records.all_names if (record := records.get(name)[0]) is not None}
    problems: dict[str, list[str]] = {name: [] for name in found}
    lacking = _judge_schemas(found, problems, records.project.schema_for)
    sound = {name: record for name, record in found.items() if not problems[name]}
    for name, reason in records.project.disagreements(sound):
        problems[name].append(reason)
    history = _judge_history(sound, problems, folder)
    return [_verdict(name, problems[name], name in lacking) for name in found] + history


def _judge_schemas(
    found: dict[str, object], problems: dict[str, list[str]], schema_for: Callable[[str], dict] | None
) -> set[str]:
    alike = defaultdict(list)
    for name in found:
        alike[group_of(name)].append(name)
    lacking = set()
    for names in alike.values():
        try:
            schema = {} if schema_for is None else schema_for(names[0])
            if all_meet([found[name] for name in names], schema):
                continue
        except InputError as error:
            for name in names:
                problems[name].append(str(error))
            continue
        from claimgate.schema import violations

        for name in names:
            try:
                broken = violations(found[name], schema)
            except InputError as error:
                raise InputError(f"the schema of {name}: {error}") from error
            problems[name] += [shown(message, 200) for _, message in broken[:3]]
            if not broken and not is_finite(found[name]):
                problems[name].append("holds a number that is not finite")
            if any(rule == "required" for rule, _ in broken):
                lacking.add(name)
    return lacking


def _judge_history(records: dict[str, dict], problems: dict[str, list[str]], folder: Path) -> list[Verdict]:
    if not any(map(names_commit, records.values())):
        return [Verdict(HISTORY, Status.PASS, "no record names a commit")]
    times = commit_times(folder)
    if times is None:
        return [Verdict(HISTORY, Status.PASS, "commits not judged: no history at hand (no git, or not a checkout)")]
    told = {name: lines for name, record in records.items() if (lines := history_disagreements(record, times))}
    if told and is_shallow(folder):
        return [Verdict(HISTORY, Status.PASS, "commits not judged: the history at hand is shallow")]
    for name, lines in told.items():
        problems[name] += lines
    return [Verdict(HISTORY, Status.PASS, f"commits looked up in a history of {len(times)}")]


def _verdict(name: str, problems: list[str], lacking: bool) -> Verdict:
    if not problems:
        return Verdict(name, Status.PASS, "meets its schema, and agrees with itself")
    return Verdict(name, Status.MISSING if lacking else Status.FAIL, shown("; ".join(problems[:4]), 600))
