"""What a change does to the rules it is judged by: claims, audit, exemptions, floor, seals and accepted sentences.

Compared with those of a base, whatever makes the gate accept more, or something else, is listed, and fails unless the
change says so itself in `reviewed.toml`, which a reviewer reads: what kind, of what, how many and why.
"""

import contextlib
import fnmatch
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath

from claimgate.checks import half_unit
from claimgate.claim import Status, Verdict
from claimgate.closed_toml import DOCUMENTS, FLOOR, NUMERALS, PUBLISHED, REVIEWED, filled_table, read_toml
from claimgate.errors import InputError, shown
from claimgate.locked.lock import FOLDER as LOCKED
from claimgate.manifest import NAME as SEALS
from claimgate.project import NAME as SETTINGS
from claimgate.project import watched_of
from claimgate.workflows import FILES, TARGETS, differences, parts_of

KINDS = (
    "claim removed",
    "claim weakened",
    "claim rewritten",
    "row removed",
    "row rewritten",
    "exemption added",
    "floor lowered",
    "record replaced",
    "record removed",
    "sentence accepted",
    "sentence dropped",
    "setting changed",
    "workflow changed",
)
_FREE = {"place", "reason"}  # keys of a claim that may change: a section's number; and words that are locked anyway
_STRICT = {"equals": 0, "rounded_up": 0, "rounded_down": 0, "below": 1, "above": 1}
_SEAL = re.compile(r"([0-9a-f]{64})  (\S+)")


@dataclass(frozen=True)
class Rules:
    """What a gate goes by, as plain tables: a base may have been written for another version of this program."""

    claims: dict[str, dict] = field(default_factory=dict)
    rows: dict[str, dict] = field(default_factory=dict)
    exemptions: dict[str, float] = field(default_factory=dict)  # to how often it may be used
    floor: dict[str, int] = field(default_factory=dict)
    seals: dict[str, str] = field(default_factory=dict)
    locked: dict[str, list[str]] = field(default_factory=dict)  # file to accepted lines
    reviewed: tuple[str, ...] = ()
    settings: dict[str, object] = field(default_factory=dict)  # of `claimgate.toml`, by "table.key"
    workflows: dict[str, str] = field(default_factory=dict)  # what runs the gate, by file or rule of a Makefile


@dataclass(frozen=True)
class Change:
    """One thing that makes the gate accept more, or something else."""

    kind: str
    subject: str
    detail: str


def judge_changes(root: Path, claims: Path, results: Path, base: str) -> list[Verdict]:
    """List what changed since a base, and hold it against what the change says of itself.

    Args:
        root: The checkout.
        claims: Its claims folder.
        results: Its results folder.
        base: A branch or commit.

    Returns:
        One verdict per change, and one per entry of `reviewed.toml` that fits none.

    Raises:
        InputError: If the base cannot be read, or `reviewed.toml` is malformed.
    """
    commit = _commit(root, base)
    before, after = _rules_at(root, base, commit, claims, results), _rules_here(root, claims, results)
    ran, runs = _workflows(root, base, commit)
    before, after = replace(before, workflows=ran), replace(after, workflows=runs)
    entries = [entry for entry in read_reviewed(claims) if repr(entry) not in before.reviewed]
    found = list(changes(before, after))
    verdicts = [_judge(change, entries) for change in found]
    return verdicts + [_judge_entry(entry, found) for entry in entries] or [
        Verdict("rules", Status.PASS, f"as in {base}")
    ]


def _rules_here(root: Path, claims: Path, results: Path) -> Rules:
    files = [*claims.glob("*.toml"), results / SEALS, root / SETTINGS]
    here = {path.name: path.read_bytes() for path in files if path.is_file()}
    here |= {f"{LOCKED}/{path.name}": path.read_bytes() for path in (claims / LOCKED).glob("*.txt")}
    return rules_of(here)


def rules_of(files: dict[str, bytes]) -> Rules:
    """Read rules from the files of a gate.

    Args:
        files: Name to content: the `*.toml` of a claims folder, the seals, and the settings.

    Returns:
        The rules.

    Raises:
        InputError: If a file does not parse.
    """
    tables = {name: _parsed(name, content) for name, content in files.items() if name.endswith(".toml")}
    settings = tables.pop(SETTINGS, {})
    rows = tables.pop(PUBLISHED, {}).get("row", [])
    floor, numerals = tables.pop(FLOOR, {}), tables.pop(NUMERALS, {})
    bound = tables.pop(DOCUMENTS, {}).get("bound", [])
    reviewed = tables.pop(REVIEWED, {}).get("change", [])
    claims = [
        {"records": document.get("records", [])} | claim
        for document in tables.values()
        for claim in document.get("claim", []) + document.get("finding", [])
    ]
    seals = _SEAL.findall(files.get(SEALS, b"").decode("utf-8", "replace"))
    return Rules(
        {claim["id"]: claim for claim in claims} | {f"{one['document']}: {one['text']}": one for one in bound},
        {row["id"]: row for row in rows},
        dict(_exemptions(numerals)),
        floor,
        {name: digest for digest, name in seals},
        {name: _lines(content) for name, content in files.items() if name.startswith(f"{LOCKED}/")},
        tuple(map(repr, reviewed)),
        dict(_flat(settings)),
    )


def changes(before: Rules, after: Rules) -> Iterator[Change]:
    """Compare rules.

    Args:
        before: Of the base.
        after: Of the change.

    Yields:
        What makes the gate accept more, or something else; what is only new is not told.
    """
    for id_, claim in before.claims.items():
        yield from _claim_changes(id_, claim, after.claims.get(id_))
    for id_, row in before.rows.items():
        if id_ not in after.rows:
            yield Change("row removed", id_, "")
        elif differing := _differing(row, after.rows[id_], set()):
            yield Change("row rewritten", id_, ", ".join(differing))
    for text, n in after.exemptions.items():
        if n > before.exemptions.get(text, 0):
            yield Change("exemption added", text, f"{before.exemptions.get(text, 0):g} -> {n:g}")
    for kind, n in before.floor.items():
        if after.floor.get(kind, -1) < n:
            yield Change("floor lowered", kind, f"{n} -> {after.floor.get(kind, 'none')}")
    for name, digest in before.seals.items():
        if name not in after.seals:
            yield Change("record removed", name, "")
        elif after.seals[name] != digest:
            yield Change("record replaced", name, f"{digest[:12]} -> {after.seals[name][:12]}")
    for name, lines in before.locked.items():
        yield from _sentence_changes(name, lines, after.locked.get(name, []))
    for key in _differing(before.settings, after.settings, set()) if before.settings else ():
        was, now = (shown(rules.settings.get(key, "not set")) for rules in (before, after))
        yield Change("setting changed", key, f"{was} -> {now}")
    for name, detail in differences(before.workflows, after.workflows):
        yield Change("workflow changed", name, shown(detail, 200))


def read_reviewed(claims: Path) -> list[dict]:
    """Read what changes say of themselves.

    Args:
        claims: The claims folder; without a `reviewed.toml` nothing is said.

    Returns:
        Its `[[change]]` tables.

    Raises:
        InputError: If it is malformed.
    """
    path = Path(claims) / REVIEWED
    document = read_toml(path) if path.is_file() else {}
    entries = document.pop("change", [])
    if document or not isinstance(entries, list):
        raise InputError(f"{path}: expected [[change]] tables and nothing else")
    for entry in entries:
        try:
            filled_table(entry, {"kind", "of", "n", "reason"}, {}, {"kind", "of", "reason"})
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        if entry["kind"] not in KINDS or type(entry["n"]) is not int or entry["n"] < 1:
            raise InputError(f"{path}: expected a kind out of {', '.join(KINDS)} and a count n, got {shown(entry)}")
    return entries


def _claim_changes(id_: str, before: dict, after: dict | None) -> Iterator[Change]:
    if after is None:
        yield Change("claim removed", id_, shown(before.get("sentence", ""), 160))
    elif weaker := [reason for reason in _weaker(before, after) if reason]:
        yield Change("claim weakened", id_, "; ".join(weaker))
    elif differing := _differing(before, after, _FREE):
        yield Change("claim rewritten", id_, ", ".join(differing))


def _sentence_changes(name: str, before: list[str], after: list[str]) -> Iterator[Change]:
    if before == after:
        return
    for kind, start, end, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        was = [shown(line.partition("\t")[2], 160) for line in before[start:end]]
        if kind != "equal":
            for number, line in enumerate(after[first:last]):
                old = f"was {was[number]}" if number < len(was) else "new"
                yield Change("sentence accepted", f"{name}:{first + number + 1}", f"{_told(line)}; {old}")
            for line in before[start + last - first : end]:
                yield Change("sentence dropped", f"{name}:{first + 1}", _told(line))


def _told(line: str) -> str:
    place, _, sentence = line.partition("\t")
    return f"{place}: {shown(sentence, 160)}"


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").removesuffix("\n").split("\n")


def _weaker(before: dict, after: dict) -> Iterator[str]:
    lost = {*before.get("records", ()), *before.get("reference", ())}
    lost -= {*after.get("records", ()), *after.get("reference", ())}
    yield f"{len(lost)} records dropped" if lost else ""
    one, other = (_width(claim) for claim in (before, after))
    yield f"tolerance {one} -> {other}" if one is not None and other is not None and other > one else ""
    strict = [_STRICT.get(claim.get("check"), 0) for claim in (before, after)]
    yield f"check {before.get('check')} -> {after.get('check')}" if strict[1] > strict[0] else ""
    if before.get("check") == after.get("check") and strict == [1, 1] and before["stated"] != after["stated"]:
        yield f"bound {before['stated']} -> {after['stated']}"


def _width(claim: dict) -> Decimal | None:
    try:
        tolerance = claim.get("tolerance", "exact")
        if tolerance in ("printed", "exact"):
            return half_unit(Decimal(claim["stated"])) if tolerance == "printed" else Decimal(0)
        return Decimal(tolerance)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def _differing(before: dict, after: dict, free: set[str]) -> list[str]:
    return sorted(key for key in before.keys() | after.keys() if key not in free and before.get(key) != after.get(key))


def _flat(table: dict, above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _exemptions(numerals: dict) -> Iterator[tuple[str, float]]:
    for kind, tables in numerals.items():
        for table in tables if isinstance(tables, list) else [tables]:
            texts = table.get("text", [kind])
            for text in texts if isinstance(texts, list) else [texts]:
                yield f"{kind}: {text}", table.get("at_most", float("inf"))


def _judge(change: Change, entries: list[dict]) -> Verdict:
    subject = f"{change.kind}: {change.subject}"
    entry = next((entry for entry in entries if _fits(change, entry)), None)
    if entry is None:
        return Verdict(subject, Status.FAIL, f"{change.detail}; not in {REVIEWED}".removeprefix("; "))
    return Verdict(subject, Status.PASS, f"{change.detail}; reviewed: {shown(entry['reason'], 200)}".removeprefix("; "))


def _judge_entry(entry: dict, found: list[Change]) -> Verdict:
    n = sum(_fits(change, entry) for change in found)
    subject = f"{REVIEWED}: {entry['kind']}: {entry['of']}"
    holds = n == entry["n"]
    return Verdict(subject, Status.PASS if holds else Status.FAIL, f"fits {n} changes, expected {entry['n']}")


def _fits(change: Change, entry: dict) -> bool:
    return change.kind == entry["kind"] and fnmatch.fnmatchcase(change.subject, entry["of"])


def _parsed(name: str, content: bytes) -> dict:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: expected a TOML file, got one that does not parse: {shown(str(error))}") from error


def _commit(root: Path, base: str) -> str:
    commit = _git(root, base, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    commit = commit.decode().strip()
    with contextlib.suppress(InputError):  # where branches parted; a shallow clone may not know it
        commit = _git(root, base, "merge-base", commit, "HEAD").decode().strip()
    return commit


def _rules_at(root: Path, base: str, commit: str, claims: Path, results: Path) -> Rules:
    inside = [str(path.resolve().relative_to(root.resolve())) for path in (claims, results / SEALS)]
    settings = _files_of(root, base, commit, [SETTINGS])
    if settings:  # the folders may have been others
        told = _parsed(SETTINGS, settings[SETTINGS])
        inside = [str(told.get("claims", "claims")), f"{told.get('records', 'results')}/{SEALS}"]
    folder, seals = map(PurePosixPath, inside)
    below = {PurePosixPath(name): name for name in _names_at(root, base, commit)}
    names = [name for path, name in below.items() if path.parent in (folder, folder / LOCKED) or path == seals]
    content = settings | _files_of(root, base, commit, names)
    return rules_of(
        {
            path.relative_to(folder).as_posix() if folder in path.parents else path.name: text
            for path, text in ((PurePosixPath(name), text) for name, text in content.items())
        }
    )


def _workflows(root: Path, base: str, commit: str) -> tuple[dict[str, str], dict[str, str]]:
    # By the patterns of both, so that no change takes a file out of sight.
    settings = _files_of(root, base, commit, [SETTINGS])
    tables = [_parsed(SETTINGS, text) for text in settings.values()]
    if (root / SETTINGS).is_file():
        tables.append(_parsed(SETTINGS, (root / SETTINGS).read_bytes()))
    asked = [watched_of(table.get("rules", {})) for table in tables] or [watched_of({})]
    patterns = {one for rules in asked for one in (FILES if rules.files is None else rules.files)}
    targets = {one for rules in asked for one in (TARGETS if rules.targets is None else rules.targets)}
    top = Path(_git(root, base, "rev-parse", "--show-toplevel").decode().removesuffix("\n"))
    if (below := root.resolve().relative_to(top.resolve()).as_posix()) != ".":
        patterns |= {f"{below}/{one}" for one in patterns}
    root = top  # where workflows lie, whatever folder the paper lies in
    names = _git(root, base, "ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    here = [name for name in names if name and (root / name).is_file()]
    return (
        parts_of(_names_at(root, base, commit), patterns, targets, lambda files: _files_of(root, base, commit, files)),
        parts_of(here, patterns, targets, lambda files: {name: (root / name).read_bytes() for name in files}),
    )


def _names_at(root: Path, base: str, commit: str) -> list[str]:
    # Of the folder of this paper, which need not be the root of the checkout.
    return _git(root, base, "ls-tree", "-r", "-z", "--name-only", commit).decode().split("\0")[:-1]


def _files_of(root: Path, base: str, commit: str, names: Iterable[str]) -> dict[str, bytes]:
    # As they were committed: what `git archive` gives, attributes of the tree decide.
    known, found = set(_names_at(root, base, commit)), {}
    names = [name for name in names if name in known]
    asked = "".join(f"{commit}:./{name}\n" for name in names if "\n" not in name)
    content = _git(root, base, "cat-file", "--batch", given=asked.encode())
    start = 0
    for name in names:
        if "\n" in name:
            raise InputError(f"--base {shown(base)}: expected file names without line breaks, got {shown(name)}")
        end = content.index(b"\n", start)
        size = int(content[start:end].rpartition(b" ")[2])
        found[name] = content[end + 1 : end + 1 + size]
        start = end + size + 2
    return found


def _git(root: Path, base: str, *words: str, given: bytes | None = None) -> bytes:
    try:
        return subprocess.run(
            ["git", "--no-replace-objects", "-C", str(root), *words], check=True, capture_output=True, input=given
        ).stdout
    except OSError as error:
        raise InputError(f"--base {base}: expected the program git, found none: {error}") from error
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode("utf-8", "replace").strip()
        raise InputError(
            f"--base {shown(base)}: expected a branch or commit that this checkout has, found none"
            f"{f' ({shown(told, 160)})' if told else ''}; fetch it, or name another"
        ) from error
