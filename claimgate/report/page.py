"""One HTML page that loads nothing else, for people who were sent a link."""

import html

from claimgate.claim import Status
from claimgate.report.summary import printable, recomputed, summary, told
from claimgate.verification import Verification

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Claims: {verdict}</title>
<style>
body{{font:1rem/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}
td,th{{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ddd}}
td.n{{text-align:right;white-space:nowrap}}
.PASS{{color:#00603d}}.FAIL,.MISSING,.MALFORMED{{color:#a40000;font-weight:bold}}
small{{color:#555}}
</style>
<body>
<h1 class="{status}">{verdict}</h1>
<p>{summary}</p>
<table>
<thead><tr><th>what</th><th>stated</th><th>recomputed</th><th>verdict</th><th>evidence</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def as_html(verification: Verification, verbose: bool) -> str:
    """Write a page with every claim, and of all else what is not in order.

    Args:
        verification: What was found.
        verbose: Show all, with sentences.

    Returns:
        The page.
    """
    passed = verification.exit_code == 0
    return _PAGE.format(
        verdict="All verified" if passed else f"Not verified (exit {verification.exit_code})",
        status="PASS" if passed else "FAIL",
        summary=_text(summary(verification)),
        rows="\n".join(_row(kind, verdict) for kind, verdict in told(verification, verbose)),
    )


def _row(kind: str, verdict) -> str:
    name = verdict.status.name
    sentence = f"{_text(verdict.sentence)}<br>" if verdict.sentence else ""
    sources = "".join(f"<br><small>{_text(source)}</small>" for source in verdict.source)
    mark = "✓" if verdict.status is Status.PASS else "✗"
    return (
        f"<tr><td>{_text(verdict.subject)}<br><small>{_text(kind)}</small></td>"
        f'<td class="n">{_text(verdict.stated)}</td><td class="n">{_text(recomputed(verdict))}</td>'
        f'<td class="{name}">{mark} {name}</td><td>{sentence}{_text(verdict.detail)}{sources}</td></tr>'
    )


def _text(text: str) -> str:
    return html.escape(printable(text))
