"""What runs the gate: workflows of a CI, hooks, and the targets of a Makefile. Weakened, nothing else of it counts.

No program can say whether a workflow became weaker: whatever differs is told. Which files count is set in
`claimgate.toml`; what they run is found by its name in them.
"""

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

MAKEFILES = ("GNUmakefile", "makefile", "Makefile")  # in the order in which `make` looks for them
FILES = (
    *(".github/workflows/*", ".github/actions/*", ".ci/*", ".gitlab-ci.yml", ".circleci/*", ".woodpecker*"),
    *("azure-pipelines.yml", "Jenkinsfile", ".pre-commit-config.yaml", ".pre-commit-hooks.yaml"),
    *("action.yml", "action.yaml", "*/action.yml", "*/action.yaml", *MAKEFILES),
)
TARGETS = ("all", "verify", "paper", "check", "coverage", "claimgate")
_SCRIPTS = (".py", ".sh", ".bash", ".mk", ".js", ".ts", ".rb", ".pl")  # what a workflow runs by its path
_RULE = re.compile(r"(?P<names>[^\s#:=][^:=#]*?)\s*&?::?(?![:=])(?P<needs>[^=#;]*?)(?P<line>;.*)?(?:#.*)?")
_WORD = re.compile(r"[\w./$(){}%-]+")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*")


def watched(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Choose the files that run the gate.

    Args:
        names: Of all files of a checkout, relative to its root.
        patterns: As of the shell; `*` also stands for folders.

    Returns:
        Those that any of the patterns meets, sorted.
    """
    patterns = tuple(patterns)
    return sorted(name for name in names if any(fnmatch.fnmatchcase(name, one) for one in patterns))


def parts_of(
    names: Iterable[str], patterns: Iterable[str], targets: Iterable[str], read: Callable[[list[str]], dict[str, bytes]]
) -> dict[str, str]:
    """Take what runs the gate apart.

    Args:
        names: Of all files of a checkout.
        patterns: Which of them count.
        targets: Of a Makefile, those that run the gate; what they need counts with them.
        read: Names to contents.

    Returns:
        File name, or "Makefile: target", to its text; of a script that one of them runs too.
    """
    names = set(names)
    found: dict[str, str] = {}
    for name, content in read(watched(names, patterns)).items():
        text = content.decode("utf-8", "replace").replace("\r\n", "\n")
        if PurePosixPath(name).name in MAKEFILES:
            found |= {f"{name}: {part}": lines for part, lines in _make_parts(text, tuple(targets)).items()}
        else:
            found[name] = text
    run = {word for text in found.values() for word in _PATH.findall(text)} & names - found.keys()
    scripts = sorted(name for name in run if name.endswith(_SCRIPTS))
    return found | {name: content.decode("utf-8", "replace") for name, content in read(scripts).items()}


def differences(before: dict[str, str], after: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Compare what runs the gate.

    Args:
        before: Of the base.
        after: Of the change.

    Yields:
        What differs, and its first line that does; what is new is told where there was something before: it may stand
        in the place of what was, as a job of the same name or a Makefile that `make` finds first does.
    """
    if not before:
        return
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if now is None:
            yield name, "removed"
        elif was is None:
            yield name, "new"
        elif was != now:
            yield name, _first_differing(was.split("\n"), now.split("\n"))


def _first_differing(was: list[str], now: list[str]) -> str:
    place = next(
        (n for n, pair in enumerate(zip(was, now, strict=False)) if pair[0] != pair[1]), min(len(was), len(now))
    )
    told = (" ".join(lines[place].split()) if place < len(lines) else "nothing" for lines in (was, now))
    return "line {}: {} -> {}".format(place + 1, *told)


def _make_parts(text: str, targets: tuple[str, ...]) -> dict[str, str]:
    # What stands outside of rules, such as variables; each rule that the targets lead to; which of these are no files.
    outside, rules = _rules(text)
    found, asked = {}, [*targets, *(name for name in rules if "%" in name)]
    while asked:
        name = asked.pop()
        if name in rules and name not in found:
            found[name] = "\n".join(rules[name])
            led = (line for line in rules[name] if not line.startswith("\t") or re.search(r"\bmake\b|\bMAKE\b", line))
            asked += [word for line in led for word in _WORD.findall(line)]
    phony = sorted({word for line in rules.pop(".PHONY", ()) for word in _WORD.findall(line)} & found.keys())
    special = {name: "\n".join(lines) for name, lines in rules.items() if name.startswith(".")}
    return found | special | {".PHONY": " ".join(phony), "outside of rules": "\n".join(outside)}


def _rules(text: str) -> tuple[list[str], dict[str, list[str]]]:
    outside, rules, present = [], {}, []
    for line in _joined(text):
        if line.startswith("\t") and present:
            for name in present:
                rules[name].append(line)
        elif (match := _RULE.fullmatch(line)) and not line.startswith((" ", "\t")):
            present = match["names"].split()
            for name in present:
                rules.setdefault(name, []).append(line.partition("##")[0].rstrip())
        elif line.strip() and not line.startswith("#"):
            present = [] if not line.startswith((" ", "\t")) else present
            outside.append(line)
    return outside, rules


def _joined(text: str) -> list[str]:
    return re.sub(r"\\\n[ \t]*", " ", text).split("\n")
