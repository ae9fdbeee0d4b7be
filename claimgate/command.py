"""The command line: `claimgate`, or `python -m claimgate`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from claimgate.errors import InputError
from claimgate.project import KINDS, NAME, Project, find_root, load_project
from claimgate.report import FORMATS, summary
from claimgate.verification import Verification

EPILOG = """exit codes:
  0  every claim is verified and every record is as it was sealed
  1  a mismatch: a recomputed value differs from what is stated, a record or a sentence changed
  2  wrong usage, or a malformed claims file, seal, record or paper
  3  something cannot be judged: a record or key is missing, a value is NaN, nothing installed compiles the paper
If several apply, 2 comes before 3 and 3 before 1."""

CANNOT_BE_JUDGED = 3


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Command-line words; None takes those of the process.

    Returns:
        The exit code; see `EPILOG`.
    """
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser(next(iter(words), None)).parse_args(words)
    try:
        if options.run is _init:
            return _init(options)
        root = find_root(Path()) if options.root is None else options.root
        here = Path(root).resolve() == Path.cwd()
        return options.run(options, load_project(Path() if here else root))
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _gate(project: Project, **given):
    from claimgate.gate import Gate

    documents = given.pop("documents", project.root)
    return Gate(project.root / project.claims, project.root / project.records, project, documents=documents, **given)


def _check(options: argparse.Namespace, project: Project) -> int:
    gate = _gate(project, only=options.only, base=options.base)
    if options.raise_floor:
        from claimgate.floor import raise_floor

        print("\n".join(raise_floor(gate.claims, gate.counts())))
        return 0
    verification = gate.verify()
    _print(verification, options)
    return verification.exit_code


def _print(verification: Verification, options: argparse.Namespace) -> None:
    if options.quiet:
        print(summary(verification))
    elif options.format == "table" and sys.stdout.isatty():
        from shutil import get_terminal_size

        from claimgate.report.table import as_table

        width = get_terminal_size().columns
        print(as_table(verification, options.verbose, colour=True, width=width), end="")
    else:
        print(FORMATS[options.format](verification, options.verbose), end="")


def _coverage(options: argparse.Namespace, project: Project) -> int:
    from claimgate.coverage import coverage_of
    from claimgate.load import load_claims
    from claimgate.locked.lock import judge_locks
    from claimgate.locked.sources import made_lines, written_lines
    from claimgate.papers.compiled import CannotCompile, compile_paper
    from claimgate.papers.sources import judge_paper_sources
    from claimgate.places import claim_places

    verified = _gate(project, documents=None).verify()
    if verified.exit_code:
        print(FORMATS[options.format](verified, False), end="")
        print("the paper is not compiled from claims that do not hold", file=sys.stderr)
        return verified.exit_code
    try:
        compiled = compile_paper(project, verified)
    except CannotCompile as reason:
        print(f"cannot be judged: {reason}", file=sys.stderr)
        return CANNOT_BE_JUDGED
    claims = project.root / project.claims
    stated = {claim.id: claim.stated for claim in load_claims(claims, project)}
    placed = [(id_, stated[id_]) for id_, _, _ in claim_places(project) if id_ in stated]
    found = coverage_of(compiled.plain, compiled.marked, claims, set(stated.values()), compiled.unseen, placed)
    lines = written_lines(project.root, project.locked) | made_lines(project.root, project.locked)
    sentences = judge_paper_sources(project.root, project) + judge_locks(claims, lines)
    verification = Verification({"coverage": found.verdicts(), "sentences": sentences})
    print(FORMATS[options.format](verification, True), end="")
    return verification.exit_code


def _sentences(options: argparse.Namespace, project: Project) -> int:
    from dataclasses import replace

    gate = _gate(project)
    if project.paper is not None:
        from claimgate.papers.compiled import CannotCompile, compile_paper

        try:
            compile_paper(project, replace(gate, documents=None).verify())
        except CannotCompile as reason:
            print(f"number words of the compiled paper are left out: {reason}", file=sys.stderr)
    changed = gate.accept_sentences() if options.accept else gate.changed_sentences()
    print("\n".join(changed or ["no change"]))
    return int(bool(changed) and not options.accept)


def _diff(options: argparse.Namespace, project: Project) -> int:
    from claimgate.base import judge_changes

    folders = (project.root / project.claims, project.root / project.records)
    verification = Verification({"changes": judge_changes(project.root, *folders, options.base)})
    print(FORMATS[options.format](verification, True), end="")
    return verification.exit_code


def _seal(options: argparse.Namespace, project: Project) -> int:
    from claimgate.manifest import freeze

    print("\n".join(freeze(project.root / project.records, project.unclaimed) or ["no change"]))
    return 0


def _report(options: argparse.Namespace, project: Project) -> int:
    from claimgate.files import write_text_atomically

    verification = _gate(project).verify()
    asked = {name: path for name in FILES if (path := getattr(options, name)) is not None}
    for name, path in (asked or {name: project.root / DEFAULTS[name] for name in DEFAULTS}).items():
        write_text_atomically(path, FORMATS[name](verification, True))
        print(f"wrote {path}")
    print(summary(verification))
    return verification.exit_code


def _explain(options: argparse.Namespace, project: Project) -> int:
    from claimgate.explain import explain

    text, code = explain(options.id, project)
    print(text, end="")
    return code


def _init(options: argparse.Namespace) -> int:
    from claimgate.init import init

    print("\n".join(init(options.folder, options.paper)))
    return 0


FILES = ("html", "badge", "junit", "markdown", "json", "latex")
DEFAULTS = {"html": "build/report.html", "badge": "build/badge.svg"}


def _parser(word: str | None = None) -> argparse.ArgumentParser:
    # Where the first word is a command, the others are not looked at: to describe them all takes longer than to read
    # a hundred records.
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="claimgate",
        description="Check every number that a paper prints against the records it comes from.",
        epilog=EPILOG,
        formatter_class=form,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, prog=parser.prog)  # named, it is not worked out
    for name, (run, text, describe) in COMMANDS.items():
        if word not in COMMANDS or word == name:
            command = commands.add_parser(name, help=text, description=text, epilog=EPILOG, formatter_class=form)
            command.set_defaults(run=run)
            if run is not _init:
                told = f"the folder with {NAME} (default: this one or one above it)"
                command.add_argument("--root", type=Path, metavar="DIR", help=told)
            describe(command)
    return parser


def _describe_init(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", nargs="?", type=Path, default=Path(), help="where (default: here)")
    command.add_argument("--paper", choices=KINDS, default="markdown", help="what it is written in")


def _describe_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", metavar="IDS", help="ids to check, as shell patterns: 'main.*,extra.f1'")
    command.add_argument("--base", metavar="REF", help="also list what changed in the rules since a branch or commit")
    _describe_format(command)
    command.add_argument("-v", "--verbose", action="store_true", help="show all, with sentences, selectors, raw values")
    command.add_argument("-q", "--quiet", action="store_true", help="print the summary only")
    command.add_argument("--raise-floor", action="store_true", help="never again accept fewer claims than now")


def _describe_sentences(command: argparse.ArgumentParser) -> None:
    command.add_argument("--accept", action="store_true", help="accept what is shown, if every claim holds")


def _describe_diff(command: argparse.ArgumentParser) -> None:
    command.add_argument("--base", metavar="REF", required=True, help="a branch or commit")
    _describe_format(command)


def _describe_report(command: argparse.ArgumentParser) -> None:
    for name in FILES:
        command.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write the {name} report")


def _describe_explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("id", metavar="ID", help="of a claim")


def _describe_format(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=FORMATS, default="table", help="of the report on standard output")


def _describe_nothing(command: argparse.ArgumentParser) -> None:
    pass


# Name to what it runs, what it is, and what describes its options.
COMMANDS: dict[str, tuple[Callable, str, Callable[[argparse.ArgumentParser], None]]] = {
    "init": (_init, "start a small paper under the gate: one record, two claims, workflow, hook", _describe_init),
    "check": (_check, "check every claim, record and accepted sentence", _describe_check),
    "coverage": (_coverage, "compile the paper: is every numeral of it bound to a claim?", _describe_format),
    "sentences": (_sentences, "show what is written differently since it was accepted", _describe_sentences),
    "diff": (_diff, "list what a change does to the rules it is judged by", _describe_diff),
    "seal": (_seal, "seal the records after a deliberate change; print what changed", _describe_nothing),
    "report": (_report, f"write reports (default: {' and '.join(DEFAULTS.values())})", _describe_report),
    "explain": (
        _explain,
        "show how a claim's value comes about, step by step, and where it is printed",
        _describe_explain,
    ),
}
