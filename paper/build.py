"""Compile paper/main.typ to paper/layercurv.pdf with the Typst wheel: no TeX, no network, the same bytes every time."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import typst

ROOT = Path(__file__).resolve().parents[1]
TIMESTAMP = 1767225600  # 2026-01-01 00:00 UTC: the document's date, so that equal input gives equal bytes


def main() -> int:
    """Compile the paper from `build/claims.json`, which `verify_claims.py --json` writes.

    Returns:
        0, or 1 if a number is unverified or the source does not compile.
    """
    if not (ROOT / "build" / "claims.json").is_file():
        print("error: expected build/claims.json, found none; run `make verify` first", file=sys.stderr)
        return 1
    target = ROOT / "paper" / "layercurv.pdf"
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(_compile, (target, ROOT / "build" / "marked.pdf"), ({}, {"marks": "on"})))
    except typst.TypstError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"wrote {target.relative_to(ROOT)}")
    return 0


def _compile(path: Path, inputs: dict[str, str]) -> None:
    typst.compile(
        ROOT / "paper" / "main.typ",
        output=path,
        root=ROOT,
        ignore_system_fonts=True,
        timestamp=TIMESTAMP,
        sys_inputs=inputs,
    )


if __name__ == "__main__":
    raise SystemExit(main())
