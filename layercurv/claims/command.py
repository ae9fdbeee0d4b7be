"""The command line behind `verify_claims.py`."""

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from claimgate.floor import raise_floor
from claimgate.report import FORMATS, summary
from claimgate.report.table import as_table
from claimgate.verification import Verification
from layercurv.claims.house import project
from layercurv.errors import InputError
from layercurv.files import in_checkout, write_text_atomically

FILE_FORMATS = ("json", "junit", "markdown", "latex")  # that can also be written to a file, each by its own option

EPILOG = """Four other commands, each with its --help:
  verify_claims.py diff A B      compare two results folders
  verify_claims.py coverage      is every numeral of the compiled paper bound to a claim?
  verify_claims.py sentences     what is written differently since it was accepted? --accept accepts it
  verify_claims.py report FILE   does the HTML report show everything as it is?

All work from any folder: what is read by default lies beside verify_claims.py.

exit codes:
  0  every claim is verified and every record is as it was frozen
  1  a mismatch: a recomputed value differs from what is stated, or a record changed
  2  wrong usage, or a malformed claims file, manifest or record
  3  something could not be evaluated: a record or key is missing, a value is NaN
If several apply, 2 comes before 3 and 3 before 1."""


def main(arguments: list[str] | None = None) -> int:
    """Verify all claims, or compare two results folders.

    Args:
        arguments: Command-line words; None takes those of the process.

    Returns:
        The exit code; see `EPILOG`.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return COMMANDS[words[0]](words[1:]) if words and words[0] in COMMANDS else _verify(words)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _verify(words: list[str]) -> int:
    import numpy as np

    from claimgate.gate import Gate

    options = _parser().parse_args(words)
    np.empty(2**21)  # freed at once: glibc then keeps freed memory up to this size for the next array
    documents = _documents(options)
    gate = Gate(options.claims, options.results, project(), options.published, options.only, documents, options.base)
    if options.freeze:
        return _freeze(options.claims, options.results, options.published)
    if options.raise_floor:
        print("\n".join(raise_floor(gate.claims, gate.counts())))
        return 0
    verification = gate.verify()
    for name in FILE_FORMATS:
        if (path := getattr(options, name)) is not None:
            write_text_atomically(path, FORMATS[name](verification, options.verbose))
    print(_shown(verification, options), end="")
    return verification.exit_code


def _shown(verification: Verification, options: argparse.Namespace) -> str:
    if options.quiet:
        return summary(verification) + "\n"
    if options.format == "table" and sys.stdout.isatty():
        return as_table(verification, options.verbose, colour=True, width=shutil.get_terminal_size().columns)
    return FORMATS[options.format](verification, options.verbose)


def _documents(options: argparse.Namespace) -> Path | None:
    # Other claims than the checkout's have other documents, or none.
    return options.documents or (in_checkout(".") if options.claims == in_checkout("claims") else None)


# What only one command needs is imported there: a gate takes most of a second.
def _freeze(claims: Path, results: Path, published: Path | None) -> int:
    from claimgate.published.freeze import freeze_audit

    if published is None:
        raise InputError("--freeze: expected --published DIR, the folder with the paper's own files, got none")
    print("\n".join(freeze_audit(claims, results, published, project())))
    return 0


def _diff(words: list[str]) -> int:
    from layercurv.claims.result_sets import compare_result_sets

    parser = argparse.ArgumentParser(
        prog="verify_claims.py diff",
        description="Compare two results folders: does any headline of B lie where one more seed of A would not? "
        "95 % prediction intervals, Holm's correction over all headlines. Exit 1 on a significant difference, 3 if "
        "nothing can be compared.",
    )
    parser.add_argument("before", type=Path, help="results folder A, at least two seeds of a variant")
    parser.add_argument("after", type=Path, help="results folder B")
    parser.add_argument("--partial", action="store_true", help="B may hold a part of A's variants")
    options = parser.parse_args(words)
    comparison = compare_result_sets(options.before, options.after, options.partial)
    print(comparison.text(), end="")
    return comparison.exit_code


def _coverage(words: list[str]) -> int:
    from claimgate.coverage import measure_coverage
    from claimgate.load import load_claims
    from claimgate.locked.lock import judge_locks
    from claimgate.locked.sources import made_lines, written_lines
    from claimgate.papers.typst_source import judge_sources
    from claimgate.places import claim_places

    parser = argparse.ArgumentParser(
        prog="verify_claims.py coverage",
        description="Every numeral of the compiled paper: bound to a claim, waived in writing, or neither (exit 1).",
    )
    _add_input(parser, "--paper", "paper/layercurv.pdf", "the paper")
    _add_input(parser, "--marked", "build/marked.pdf", "the same with marks around numerals")
    _add_input(parser, "--claims", "claims", "folder of *.toml")
    _add_documents(parser)
    options = parser.parse_args(words)
    documents = _documents(options)
    stated = {} if documents is None else {one.id: one.stated for one in load_claims(options.claims, project())}
    places = () if documents is None else claim_places(replace(project(), root=documents))
    for pdf in (options.paper, options.marked):
        if not pdf.is_file():
            raise InputError(f"{pdf}: expected the compiled paper, found none; run `make paper` first")
    printed = None if documents is None else set(stated.values())
    placed = [(id_, stated[id_]) for id_, _, _ in places if id_ in stated]
    found = measure_coverage(options.paper, options.marked, options.claims, printed, placed)
    verification = Verification({"coverage": found.verdicts()})
    if documents is not None:
        locked = project().locked
        lines = written_lines(documents, locked) | made_lines(documents, locked)
        verification.groups["sentences"] = judge_sources(documents, project()) + judge_locks(options.claims, lines)
    print(as_table(verification, verbose=True), end="")
    return verification.exit_code


def _sentences(words: list[str]) -> int:
    from claimgate.gate import Gate

    parser = argparse.ArgumentParser(
        prog="verify_claims.py sentences",
        description="Show which sentences of paper, documents, claims and audit are not as they were accepted (exit "
        "1); with --accept, accept them: read what is shown, and commit claims/locked with the change.",
    )
    _add_inputs(parser)
    parser.add_argument("--accept", action="store_true", help="accept what is shown, if every claim holds")
    options = parser.parse_args(words)
    gate = Gate(options.claims, options.results, project(), documents=options.documents or in_checkout("."))
    changed = gate.accept_sentences() if options.accept else gate.changed_sentences()
    print("\n".join(changed or ["no change"]))
    return int(bool(changed) and not options.accept)


def _report(words: list[str]) -> int:
    from claimgate.closed_toml import PUBLISHED
    from claimgate.load import load_claims
    from claimgate.published.load import load_rows
    from layercurv.claims.report_page import judge_report

    parser = argparse.ArgumentParser(
        prog="verify_claims.py report",
        description="Does the HTML report show each claim, each audited row and each figure as it is? Exit 1 if not.",
    )
    parser.add_argument("report", type=Path, help="as `make report` writes it")
    _add_input(parser, "--claims", "claims", "folder of *.toml")
    _add_documents(parser)
    options = parser.parse_args(words)
    rows = load_rows(options.claims / PUBLISHED, project()) if (options.claims / PUBLISHED).is_file() else []
    found = judge_report(
        options.report, options.documents or in_checkout("."), load_claims(options.claims, project()), rows
    )
    verification = Verification({"report": [found]})
    print(as_table(verification, verbose=True), end="")
    return verification.exit_code


COMMANDS = {"diff": _diff, "coverage": _coverage, "sentences": _sentences, "report": _report}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify_claims.py",
        description="Check every claim of the paper, and the audit of the published one, against frozen records.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_inputs(parser)
    parser.add_argument("--published", type=Path, metavar="DIR", help="recompute the audit from the paper's own JSON")
    parser.add_argument(
        "--base", metavar="REF", help="list what this change does to the rules of that branch or commit"
    )
    parser.add_argument("--only", metavar="IDS", help="ids to check, as shell patterns: 'alpha_map.conv_*,C03?'")
    parser.add_argument("--format", choices=FORMATS, default="table", help="of the report on standard output")
    for name in FILE_FORMATS:
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"also write the {name} report to a file")
    parser.add_argument("-v", "--verbose", action="store_true", help="show all, with sentences, selectors, raw values")
    parser.add_argument("-q", "--quiet", action="store_true", help="print the summary only")
    parser.add_argument("--freeze", action="store_true", help="with --published: freeze the audit's values anew")
    parser.add_argument("--raise-floor", action="store_true", help="never again accept fewer claims than there are now")
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    _add_input(parser, "--claims", "claims", "folder of *.toml")
    _add_input(parser, "--results", "results", "folder of records")
    _add_documents(parser)


def _add_documents(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--documents", type=Path, metavar="DIR", help="with README.md, paper/ and figures/ (default: the checkout)"
    )


def _add_input(parser: argparse.ArgumentParser, option: str, path: str, what: str) -> None:
    parser.add_argument(option, type=Path, default=in_checkout(path), help=f"{what} (default: {path})")
