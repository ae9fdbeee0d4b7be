"""Texts that people and programs read, kept whole: `UPDATE_GOLDEN=1 pytest` rewrites them, and the diff is reviewed."""

import os
import re
from pathlib import Path

# Digits beyond the ninth are the processor's.
_LONG_NUMBER = re.compile(r"\d+\.\d{9,}(?:e-?\d+)?")
FOLDER = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str, folder: Path | None = None) -> None:
    """Compare a text with the kept one; the test's own folder reads HOUSE in it."""
    if folder is not None:
        text = text.replace(str(folder), "HOUSE")
    text = _LONG_NUMBER.sub(lambda match: f"{float(match[0]):.9g}", text)
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    kept = path.read_text(encoding="utf-8")
    assert text.splitlines() == kept.splitlines()
