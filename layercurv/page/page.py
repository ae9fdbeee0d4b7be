"""The page: `python -m layercurv.page.page`, or `make report`."""

import argparse
import base64
import importlib
import json
import sys
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from layercurv.errors import InputError
from layercurv.figures.registry import FIGURES
from layercurv.files import write_text_atomically
from layercurv.page.tables import (
    REPLICATIONS,
    VERDICTS,
    audit_rows,
    claim_rows,
    record_rows,
    scoreboard,
    words,
)
from layercurv.results.manifest import read_manifest
from layercurv.results.store import read_record


def build_page(table: Path, figures: Path, results: Path) -> str:
    """Make the page.

    Args:
        table: What `verify_claims.py --json FILE` wrote.
        figures: Folder of drawn figures (PNG).
        results: Folder of frozen records.

    Returns:
        One HTML document that loads nothing else; equal input gives equal bytes.

    Raises:
        InputError: If the table or a figure is missing, or the table holds no audit.
    """
    document = _read_table(table)
    other, audit = document["other"], document["audit"]
    return Template(_text("page.html")).substitute(
        css=_text("page.css"),
        js=_text("page.js"),
        status="" if document["exit_code"] == 0 else "broken",
        status_text="All verified." if document["exit_code"] == 0 else f"Not verified (exit {document['exit_code']}).",
        summary=escape(document["summary"]),
        n_rows=len(audit),
        scoreboard=scoreboard(audit),
        figures="\n".join(_figure(name, figures) for name in FIGURES),
        claims=claim_rows(document["claims"]),
        audit=audit_rows(audit, other["published"], other["replication"]),
        records=record_rows(_records(results)),
        verdict_options=_options(VERDICTS),
        replication_options=_options(REPLICATIONS),
    )


def _read_table(path: Path) -> dict:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document["audit"]:
            return document
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected the verified table, got {error!r}; run `make verify`") from error
    raise InputError(f"{path}: expected a verified table with an audit, got one without; run `make verify`")


def _text(name: str) -> str:
    return (resources.files("layercurv.page") / name).read_text(encoding="utf-8")


def _figure(name: str, folder: Path) -> str:
    path = Path(folder) / f"{name}.png"
    if not path.is_file():
        raise InputError(f"{path}: expected the drawn figure, found none; run `make figures`")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    text = " ".join((importlib.import_module(FIGURES[name]).__doc__ or name).split())
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(text)}" loading="lazy">'
    return f"<figure>{image}<figcaption>{escape(text)}</figcaption></figure>"


def _records(results: Path) -> list[tuple[str, dict, str]]:
    return [
        (name, read_record(Path(results) / name)["provenance"], digest)
        for name, digest in read_manifest(results).items()
    ]


def _options(names: tuple[str, ...]) -> str:
    return "".join(f'<option value="{name}">{words(name)}</option>' for name in names)


def main() -> int:
    """Be the command line.

    Returns:
        0, or 2 on bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m layercurv.page.page", description="Write the HTML report.")
    parser.add_argument("--table", type=Path, default=Path("build/claims.json"), help="default: build/claims.json")
    parser.add_argument("--figures", type=Path, default=Path("figures"), help="default: figures")
    parser.add_argument("--results", type=Path, default=Path("results"), help="default: results")
    parser.add_argument("--out", type=Path, default=Path("build/report.html"), help="default: build/report.html")
    options = parser.parse_args()
    try:
        write_text_atomically(options.out, build_page(options.table, options.figures, options.results))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
