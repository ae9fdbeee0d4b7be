"""(e) Provenance forged and sealed again, and (f) rules that move with the change."""

import copy
import math
import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from claimgate.base import Rules, changes, rules_of
from claimgate.bulk_schema import all_meet
from claimgate.claim import Claim, Status
from claimgate.engine import judge
from claimgate.findings import RELATIONS, judge_findings, load_findings
from claimgate.history import commit_times, history_disagreements
from claimgate.records import SealedRecords
from claimgate.seeds import judge_seeds
from claimgate.workflows import FILES, TARGETS, differences, parts_of, watched
from layercurv.claims.house import project
from layercurv.results.agreement import (
    data_disagreements,
    disagreements,
    forecast_disagreements,
    sibling_disagreements,
)
from layercurv.results.provenance import fingerprint
from layercurv.results.schema import schema_for
from layercurv.results.variants import without_seed
from tests.mutation.mutants import at, with_value
from tests.mutation.report import Report


def _set(*path_and_value):
    *path, value = path_and_value

    def change(record: dict) -> dict:
        parent = at(record, tuple(path[:-1]))
        return with_value(record, tuple(path[:-1]), {**parent, path[-1]: value})

    return change


PROVENANCE = {
    "another commit": _set("provenance", "code", "commit", "ab" * 20),
    "dirty": _set("provenance", "code", "dirty", True),
    "another seed": _set("provenance", "seed", 7),
    "another seed of config": _set("provenance", "config", "seed", 7),
    "another variant": _set("variant", "other_seed0"),
    "another scale": _set("scale", "paper"),
    "another experiment": _set("experiment", "other"),
    "another data set": _set("provenance", "data", "name", "imagenet"),
    "another device": _set("provenance", "device", "cuda"),
    "no hardware": _set("provenance", "hardware", {}),
    "no processor": _set("provenance", "hardware", "cpu", ""),
    "no versions": _set("provenance", "versions", {}),
    "year 1999": _set("provenance", "finished_utc", "1999-11-24T07:59:05+00:00"),
    "before its commit": _set("provenance", "finished_utc", "2026-01-24T07:59:05+00:00"),
    "no date": _set("provenance", "finished_utc", "soon"),
    "stale fingerprint": _set("provenance", "config_sha256", "0" * 64),
    "a setting more": _set("provenance", "config", "other", 1),
    "no data": _set("provenance", "data", {}),
    "not trained": _set("provenance", "training_commits", []),
    "trained elsewhere": _set("provenance", "training_commits", ["cd" * 20]),
    "NaN": _set("provenance", "wall_s", "training", math.nan),
    "1e400": _set("provenance", "wall_s", "training", math.inf),
    "NaN in config": _set("provenance", "config", "seed", math.nan),
    "a key more": _set("provenance", "more", 1),
}


def forge_provenance(root: Path, report: Report) -> None:
    """Each record in each way, its fingerprint and its seal renewed with it."""
    records = SealedRecords(root / "results", project())
    variants = defaultdict(dict)
    for name in records.all_names:
        record = records.get(name)[0]
        if "config" in record["provenance"]:
            variants[name.partition("/")[0], without_seed(record["variant"]), record["scale"]][name] = record
    times = commit_times(root / "results")
    for (experiment, *_), seeds in variants.items():
        other = {"sampling_noise": "noise_prediction", "noise_prediction": "sampling_noise"}.get(experiment, experiment)
        pairs = {other + name.removeprefix(experiment) for name in seeds} & set(records.all_names)
        siblings = seeds | {name: records.get(name)[0] for name in pairs}
        for name, record in seeds.items():
            for kind, change in PROVENANCE.items():
                forged = change(copy.copy(record))
                if kind not in ("stale fingerprint", "NaN in config"):
                    forged = with_value(
                        forged, ("provenance", "config_sha256"), fingerprint(forged["provenance"]["config"])
                    )
                if kind in ("another commit", "trained elsewhere", "before its commit") and times is None:
                    continue  # no history at hand
                report.add(f"provenance: {kind}", name.partition("/")[0], name, _code(forged, name, siblings, times))


def _code(forged: dict, name: str, siblings: dict, times: dict | None) -> int:
    light = forged | {"measurements": {}}  # what is measured is not what was changed
    if not _meets(light, name):
        return 1
    found = [*disagreements(forged, name)]
    folder = name.partition("/")[0]
    found += sibling_disagreements(
        {one: record for one, record in ({**siblings, name: forged}).items() if one.startswith(f"{folder}/")}
    )
    found += forecast_disagreements({**siblings, name: forged})
    found += data_disagreements({**siblings, name: forged})
    return int(bool(found or (times is not None and history_disagreements(forged, times))))


def _meets(record: dict, name: str) -> bool:
    schema = schema_for(name.partition("/")[0])
    return all_meet([record], {"$ref": "#/$defs/record", "$defs": schema["$defs"]})


def loosen_rules(root: Path, claims: list[Claim], report: Report) -> None:
    """Each claim in each way against the base it came from; each finding turned round; each seed left out."""
    files = {path.name: path.read_bytes() for path in (root / "claims").glob("*.toml")}
    base = rules_of(files | {"SHA256SUMS": (root / "results" / "SHA256SUMS").read_bytes()})
    for id_, table in base.claims.items():
        for kind, changed in _loosened(table):
            kept = {one: other for one, other in base.claims.items() if one != id_}
            after = replace(base, claims=kept if changed is None else kept | {id_: changed})
            _compare(report, f"rules: {kind}", id_, base, after)
    for id_ in base.rows:
        _compare(
            report,
            "rules: row removed",
            id_,
            base,
            replace(base, rows={k: v for k, v in base.rows.items() if k != id_}),
        )
    for kind, n in base.floor.items():
        _compare(report, "rules: floor lowered", kind, base, replace(base, floor=base.floor | {kind: n - 1}))
    for text, n in base.exemptions.items():
        _compare(report, "rules: exemption", text, base, replace(base, exemptions=base.exemptions | {text: n + 1}))
        _compare(report, "rules: exemption", text, base, replace(base, exemptions=base.exemptions | {text + "~": n}))
    for name in base.seals:
        _compare(report, "rules: record replaced", name, base, replace(base, seals=base.seals | {name: "0" * 64}))
        _compare(
            report,
            "rules: record removed",
            name,
            base,
            replace(base, seals={k: v for k, v in base.seals.items() if k != name}),
        )


def weaken_workflows(root: Path, report: Report) -> None:
    """Each line of what runs the gate, lost; each command, made to hold always; each file of it, gone."""
    names = [
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and ".venv" not in path.parts
    ]

    def parts(changed: dict[str, bytes]) -> dict[str, str]:
        return parts_of(
            names, FILES, TARGETS, lambda some: {name: changed.get(name, (root / name).read_bytes()) for name in some}
        )

    before = parts({})
    for name in watched(names, FILES):
        lines = (root / name).read_text().split("\n")
        for number, line in enumerate(lines):
            told = any(
                line.strip() and line.partition("##")[0].rstrip() in text.split("\n") for text in before.values()
            )
            if not told or line.startswith("#") or (name == "Makefile" and lines.count(line) > 1):
                continue  # of a target that does not run the gate, or of another one too
            for kind, new in (("lost", []), ("may fail", [f"{line.partition('##')[0]} || true"])):
                text = "\n".join([*lines[:number], *new, *lines[number + 1 :]])
                found = list(differences(before, parts({name: text.encode()})))
                report.add(f"workflow: line {kind}", name, f"{number + 1}: {line[:60]}", int(bool(found)))


def _loosened(table: dict):
    yield "claim removed", None
    if "relation" in table or "sentence" not in table:
        return
    yield "tolerance", table | {"tolerance": "1e2"}
    yield "bound", table | {"check": "above", "stated": "-1e9", "tolerance": "exact"}
    yield "sentence", table | {"sentence": table["sentence"].replace("this", "not this") + " "}
    yield "selector", table | {"select": table["select"] + " | @"}
    if table["records"]:
        yield "record dropped", table | {"records": table["records"][:-1]}


def _compare(report: Report, kind: str, subject: str, before: Rules, after: Rules) -> None:
    report.add(kind, "claims", subject, int(any(True for _ in changes(before, after))))


def empty_claims(root: Path, claims: list[Claim], report: Report, seed: int) -> None:
    """Claims that hold and say nothing, findings turned round, seeds left out: without any base."""
    records = SealedRecords(root / "results", project())
    for claim in random.Random(seed).sample(claims, len(claims) // 4):
        for kind, changed in {
            "above -1e9": {"check": "above", "stated": "-1e9", "tolerance": "exact"},
            "below 1e9": {"check": "below", "stated": "1e9", "tolerance": "exact"},
            "tolerance 1e2": {"check": "equals", "tolerance": "1e2"},
        }.items():
            verdict = judge(replace(claim, **changed), records)
            report.add(f"empty: {kind}", Path(claim.file).name, claim.id, int(verdict.status is not Status.PASS))
    for claim in claims:
        runs = [name for name in claim.records if "_seed" in name]
        if len(runs) > 1 and not claim.reference:
            fewer = replace(claim, records=tuple(name for name in claim.records if name != runs[-1]))
            (verdict, *_) = judge_seeds([fewer], records.sealed_names)
            report.add("seed left out", Path(claim.file).name, claim.id, int(verdict.status is not Status.PASS))
    opposite = {"more": "less", "less": "more", "rising": "falling", "falling": "rising", "between": "more"}
    for finding in load_findings(root / "claims", claims):
        turned = replace(
            finding, relation=opposite[finding.relation], of=finding.of[: 2 if finding.relation == "between" else 9]
        )
        if finding.relation == "between":
            turned = replace(finding, of=(finding.of[0], finding.of[2], finding.of[1]))
        (verdict,) = judge_findings([turned], claims, records)
        report.add("finding turned round", "findings.toml", finding.id, int(verdict.status is not Status.PASS))
        words = RELATIONS[finding.relation][1]
        for relation, (_, others, _) in RELATIONS.items():
            if finding.says and relation == opposite[finding.relation]:
                report.add("finding's word", "findings.toml", finding.id, int(not set(words) & set(others)))
