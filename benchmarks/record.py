"""A benchmark's run as a record, with its hardware."""

import datetime
import sys
from pathlib import Path

import torch

from claimgate import strict_json
from layercurv.files import write_text_atomically
from layercurv.kernels import numerics
from layercurv.results import schema
from layercurv.results.provenance import git_state, hardware, package_versions

ROOT = Path(__file__).resolve().parents[1]


def write_benchmark(path: str, experiment: str, module: str, measurements: dict, wall_s: float) -> Path:
    """Validate and write a run.

    Args:
        path: The file.
        experiment: "bench" or "bench_optimizers", the schema's name.
        module: The module that was run.
        measurements: As the schema says.
        wall_s: Seconds of the whole run.

    Returns:
        The file.
    """
    record = {
        "schema": f"{schema.VERSION}/{experiment}",
        "experiment": experiment,
        "measurements": measurements,
        "provenance": {
            "code": git_state(ROOT),
            "command": ["python", "-m", module, *sys.argv[1:]],
            "versions": package_versions(),
            "hardware": hardware() | {"gpu": None, "n_threads": torch.get_num_threads()},
            "numerics": numerics("contiguous"),
            "wall_s": wall_s,
            "finished_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        },
    }
    schema.validate(record, experiment, path)
    write_text_atomically(Path(path), strict_json.dumps(record))
    return Path(path)
