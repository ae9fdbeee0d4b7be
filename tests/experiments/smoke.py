"""Run an experiment at smoke scale into a folder of the test."""

import importlib
import json
from pathlib import Path

from hydra import compose, initialize_config_dir

from experiments._main import CONFIGS
from experiments._runner import run_one
from layercurv.results import schema


def smoke_record(experiment: str, folder: Path, *overrides: str, variant: str = "net") -> dict:
    """Compose, measure, write, and read back one record; it must meet its schema and name no place."""
    places = [f"place.results={folder}/results", f"place.checkpoints={folder}/checkpoints"]
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        cfg = compose(experiment, ["scale=smoke", *places, *overrides])
    measure = importlib.import_module(f"experiments.{experiment}").measure
    path = run_one(experiment, measure, cfg, variant, list(overrides))
    record = json.loads(path.read_text())
    assert not schema.violations(record, experiment)
    assert str(folder) not in path.read_text()
    return record
