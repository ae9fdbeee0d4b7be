"""One verification, told eight ways; whatever is quoted from a file is escaped for its reader.

- `table`: for people at a terminal
- `document`: JSON, from which the paper and the page are made
- `junit`: for a CI
- `markdown`: for a pull request
- `github`: annotations on the lines of the claims files
- `latex`: numbers by claim id, as macros
- `page`: one HTML page
- `badge`: how many claims hold, as SVG
- `summary`: the counts in one line
"""

from claimgate.report.formats import FORMATS
from claimgate.report.summary import summary

__all__ = ["FORMATS", "summary"]
