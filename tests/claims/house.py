"""A planted house: two frozen records, one right claim on them, and a floor."""

import json
from pathlib import Path

import numpy as np

from claimgate import strict_json
from layercurv.claims.command import main
from layercurv.results.manifest import freeze
from tests.records import smoke_record

RECORDS = ["alpha_map/net_seed0.small.json", "alpha_map/net_seed1.small.json"]
LAYER = "measurements.layers"
KINDS = ("claims", "claims_without_waiver", "published_rows", "published_rows_with_readings")
KINDS += ("published_rows_replicated_or_not", "findings", "bound_texts_of_documents", "seeds_of_a_claim")


def claim_text(**changes) -> str:
    fields = {
        "id": "test.median_alpha",
        "sentence": "At small scale, the median alpha is as stated.",
        "place": "nowhere",
        "select": f"{LAYER}[?kind=='conv']",
        "quantity": "alpha",
        "reduce": "median",
        "check": "equals",
        "stated": "0",
        "tolerance": "printed",
        "reason": "printed precision",
    } | changes
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items() if value is not None]
    return "[[claim]]\n" + "\n".join(lines) + "\n"


def alphas(index: int) -> list[float]:
    return [la["fits"]["alpha"]["slope"] for la in smoke_record(index, "small")["measurements"]["layers"][:-1]]


def median(n_seeds: int) -> str:
    return f"{np.median([alpha for seed in range(n_seeds) for alpha in alphas(seed)]):.3f}"


MEDIAN = median(2)


def build_house(folder: Path, n_seeds: int = 2) -> Path:
    for seed in range(n_seeds):
        path = folder / "results" / "alpha_map" / f"net_seed{seed}.small.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(strict_json.dumps(smoke_record(seed, "small")))
    freeze(folder / "results")
    (folder / "claims").mkdir()
    write_floor(folder)
    records = [f"alpha_map/net_seed{seed}.small.json" for seed in range(n_seeds)]
    write_claims(folder, claim_text(stated=median(n_seeds)), records=records)
    return folder


def write_floor(house: Path, **counts: int) -> None:
    lines = [f"{kind} = {counts.get(kind, 0)}\n" for kind in KINDS]
    (house / "claims" / "floor.toml").write_text("".join(lines))


def write_claims(house: Path, *texts: str, records=RECORDS) -> None:
    (house / "claims" / "test.toml").write_text(f"records = {json.dumps(records)}\n" + "".join(texts))


def gate(house: Path, *options: str) -> int:
    return main(["--claims", f"{house}/claims", "--results", f"{house}/results", *options])


def change_record(house: Path, change, index: int = 0, reseal: bool = False) -> None:
    path = house / "results" / RECORDS[index]
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    if reseal:
        freeze(house / "results")
