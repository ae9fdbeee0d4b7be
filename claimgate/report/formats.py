"""The report formats by name."""

import importlib
from collections.abc import Callable

from claimgate.verification import Verification


def _written_by(module: str, function: str) -> Callable[[Verification, bool], str]:
    def write(verification: Verification, verbose: bool) -> str:
        # One format is asked for, if any: the others are not loaded.
        return getattr(importlib.import_module(f"claimgate.report.{module}"), function)(verification, verbose)

    return write


# Each takes the verification and whether to be verbose.
FORMATS = {
    "table": _written_by("table", "as_table"),
    "json": _written_by("document", "as_json"),
    "junit": _written_by("junit", "as_junit"),
    "markdown": _written_by("markdown", "as_markdown"),
    "github": _written_by("github", "as_annotations"),
    "latex": _written_by("latex", "as_latex"),
    "html": _written_by("page", "as_html"),
    "badge": _written_by("badge", "as_badge"),
}
