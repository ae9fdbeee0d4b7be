"""The frozen records that a figure reads, and what it draws of them."""

import json

from layercurv.figures import style
from tests.conftest import ROOT


def read(name: str) -> dict:
    """One record, by its path below `results/`."""
    return json.loads((ROOT / "results" / name).read_text())


def records_of(module) -> list[dict]:
    return [read(name) for name in module.RECORDS]


def named_records_of(module) -> dict[str, dict]:
    return {name: read(name) for name in module.RECORDS}


def axes_of(module, records: list[dict]) -> list:
    with style.styled():
        return module.draw(records).axes
