"""A planted paper: two files, whose exponents are known in closed form, and rows about them."""

import json
from pathlib import Path

import numpy as np

from tests.claims.house import build_house, gate

K = np.arange(1.0, 11)
SIGMA = K**-0.8
LAYERS = [
    {"name": "a", "sigma": SIGMA.tolist(), "h_exact": (3 * SIGMA**2).tolist(), "alpha": 2.0, "gamma": 0.8},
    {"name": "b", "sigma": SIGMA.tolist(), "h_exact": (5 * SIGMA**1.5).tolist(), "alpha": 1.5, "gamma": 0.8},
]
SUMMARY = {"mean_alpha": 1.75, "wrong_mean": 1.8, "n_layers": 2, "dataset": "synthetic inputs", "epochs": [0, 1, 5]}


def reading(**changes) -> dict:
    place = {"file": "fits", "select": "layers", "quantity": "alpha"}
    return {"meaning": "mean over the layers", "from": [place], "reduce": "mean"} | changes


def row(id_: str = "C001", **changes) -> dict:
    fields = {
        "id": id_,
        "sentence": "The mean alpha is as printed.",
        "place": "Abstract",
        "printed": "1.75",
        "rests_on": "selection",
        "stated": "1.75",
        "check": "equals",
        "verdict": "supported",
        "reason": "It is the mean.",
        "reading": [reading()],
        "replication": {"verdict": "not_measured", "reason": "Nothing was."},
    } | changes
    return {key: value for key, value in fields.items() if value is not None}


def as_toml(value) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value)


def write_rows(house: Path, *rows: dict) -> None:
    texts = ["[[row]]\n" + "".join(f"{key} = {as_toml(value)}\n" for key, value in row.items()) for row in rows]
    (house / "claims" / "published.toml").write_text("\n".join(texts))


def write_paper(folder: Path, layers=LAYERS, summary=SUMMARY) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "results_fits.json").write_text(json.dumps({"layers": layers}))
    (folder / "results_summary.json").write_text(json.dumps(summary))
    return folder


def build_audit(folder: Path, *rows: dict, n_seeds: int = 3) -> Path:
    """A house with an audited paper in `paper/`, frozen."""
    house = build_house(folder, n_seeds)
    write_paper(house / "paper")
    write_rows(house, *rows)
    assert audit(house, "--freeze") == 0
    return house


def audit(house: Path, *options: str) -> int:
    return gate(house, "--published", f"{house}/paper", *options)
