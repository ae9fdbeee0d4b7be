"""Records as documents: do they meet their schemas, hold finite numbers, and say the same where they say it twice?"""

import re
from collections import defaultdict
from pathlib import Path

from layercurv.claims.claim import Status, Verdict
from layercurv.claims.records import SealedRecords
from layercurv.errors import InputError, shown
from layercurv.results import schema
from layercurv.results.agreement import (
    data_disagreements,
    disagreements,
    forecast_disagreements,
    sibling_disagreements,
)
from layercurv.results.bulk_schema import all_meet, is_finite
from layercurv.results.history import commit_times, history_disagreements, is_shallow

HISTORY = "history"  # the subject of what is said of commits
_SEED = re.compile(r"_seed\d+(?=\.)")


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
    lacking = _judge_schemas(found, problems)
    sound = {name: record for name, record in found.items() if not problems[name]}
    for name, record in sound.items():
        problems[name] += disagreements(record, name)
    for line in [*_siblings(sound), *data_disagreements(sound), *forecast_disagreements(sound)]:
        name, _, reason = line.partition(": ")
        problems[name].append(reason)
    history = _judge_history(sound, problems, folder)
    return [_verdict(name, problems[name], name in lacking) for name in found] + history


def _judge_schemas(found: dict[str, object], problems: dict[str, list[str]]) -> set[str]:
    by_experiment = defaultdict(list)
    for name in found:
        by_experiment[name.partition("/")[0]].append(name)
    lacking = set()
    for experiment, names in by_experiment.items():
        try:
            if all_meet([found[name] for name in names], schema.schema_for(experiment)):
                continue
        except InputError as error:
            for name in names:
                problems[name].append(str(error))
            continue
        for name in names:
            broken = schema.violations(found[name], experiment)
            problems[name] += [shown(message, 200) for _, message in broken[:3]]
            if not broken and not is_finite(found[name]):
                problems[name].append("holds a number that is not finite")
            if any(rule == "required" for rule, _ in broken):
                lacking.add(name)
    return lacking


def _siblings(records: dict[str, dict]) -> list[str]:
    variants = defaultdict(dict)
    for name, record in records.items():
        if "config" in record["provenance"]:
            variants[_SEED.sub("", name)][name] = record
    return [line for variant in variants.values() for line in sibling_disagreements(variant)]


def _judge_history(records: dict[str, dict], problems: dict[str, list[str]], folder: Path) -> list[Verdict]:
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
