"""The report formats by name."""

from collections.abc import Callable

from layercurv.claims.report.document import as_json
from layercurv.claims.report.github import as_annotations
from layercurv.claims.report.junit import as_junit
from layercurv.claims.report.latex import as_latex
from layercurv.claims.report.markdown import as_markdown
from layercurv.claims.report.table import as_table
from layercurv.claims.verification import Verification

# Each takes the verification and whether to be verbose.
FORMATS: dict[str, Callable[[Verification, bool], str]] = {
    "table": as_table,
    "json": as_json,
    "junit": as_junit,
    "markdown": as_markdown,
    "github": as_annotations,
    "latex": as_latex,
}
