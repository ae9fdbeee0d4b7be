"""The report formats by name."""

from collections.abc import Callable

from claimgate.report.badge import as_badge
from claimgate.report.document import as_json
from claimgate.report.github import as_annotations
from claimgate.report.junit import as_junit
from claimgate.report.latex import as_latex
from claimgate.report.markdown import as_markdown
from claimgate.report.page import as_html
from claimgate.report.table import as_table
from claimgate.verification import Verification

# Each takes the verification and whether to be verbose.
FORMATS: dict[str, Callable[[Verification, bool], str]] = {
    "table": as_table,
    "json": as_json,
    "junit": as_junit,
    "markdown": as_markdown,
    "github": as_annotations,
    "latex": as_latex,
    "html": as_html,
    "badge": as_badge,
}
