"""The command line behind `verify_claims.py`."""

import argparse
import sys
from pathlib import Path

from layercurv.claims import report
from layercurv.claims.engine import verify
from layercurv.claims.load import load_claims
from layercurv.errors import InputError

EPILOG = """exit codes:
  0  every claim is verified and every record is as it was frozen
  1  a mismatch: a recomputed value differs from what is stated, or a record changed
  2  wrong usage, or a malformed claims file, manifest or record
  3  something could not be evaluated: a record or key is missing, a value is NaN
If several apply, 2 comes before 3 and 3 before 1."""


def main(arguments: list[str] | None = None) -> int:
    """Verify all claims.

    Args:
        arguments: Command-line words; None takes those of the process.

    Returns:
        The exit code; see `EPILOG`.
    """
    options = _parser().parse_args(arguments)
    try:
        verification = verify(load_claims(options.claims), options.results)
        if options.json is not None:
            report.write_json(verification, options.json)
        if options.junit is not None:
            report.write_junit(verification, options.junit)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not options.quiet:
        report.print_table(verification, options.verbose)
    else:
        print(report.summary(verification))
    return verification.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify_claims.py",
        description="Check every claim of the paper against frozen records.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--claims", type=Path, default=Path("claims"), help="folder of *.toml (default: claims)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records (default: results)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what the paper is typeset from")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report")
    parser.add_argument("-v", "--verbose", action="store_true", help="show sentences, selectors and sealed files")
    parser.add_argument("-q", "--quiet", action="store_true", help="print the summary only")
    return parser
