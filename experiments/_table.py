"""All records at a glance: seeds, seconds, headlines beside the source paper's. `make table` prints it."""

import argparse
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import stdtrit

from experiments._headlines import HEADLINES, PUBLISHED, headlines
from layercurv.results.store import read_record

_SEED = re.compile(r"_seed\d+$")


def without_seed(variant: str) -> str:
    """Name what the seeds of one variant have in common.

    Args:
        variant: A record's variant, "vit_cifar10_seed0".

    Returns:
        "vit_cifar10".
    """
    return _SEED.sub("", variant)


def records_by_variant(results: Path) -> dict[tuple[str, str, str], list[dict]]:
    """Read all records of experiments that have headlines.

    Args:
        results: Folder of records.

    Returns:
        Experiment, variant without its seed, and scale to the records, one per seed.
    """
    found = defaultdict(list)
    for path in sorted(results.glob("*/*.json")):
        if path.parent.name in HEADLINES and not path.name.endswith(".smoke.json"):
            record = read_record(path)
            found[record["experiment"], without_seed(record["variant"]), record["scale"]].append(record)
    return dict(found)


def prediction_interval(values: list[float]) -> tuple[float, float] | None:
    """Say where the value of one more seed is to be expected, with probability 95 %.

    mean +- t(0.975, n - 1) s sqrt(1 + 1/n), for values that scatter normally.

    Args:
        values: One per seed.

    Returns:
        Low and high end; None for fewer than two values.
    """
    n = len(values)
    if n < 2:
        return None
    half = float(stdtrit(n - 1, 0.975)) * float(np.std(values, ddof=1)) * (1 + 1 / n) ** 0.5
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def rows(results: Path) -> list[tuple[str, ...]]:
    """Make one row per variant and headline.

    Args:
        results: Folder of records.

    Returns:
        Experiment, variant, scale, seeds, minutes, headline, mean and standard deviation, the source paper's value.
    """
    made = []
    for (experiment, variant, scale), records in records_by_variant(results).items():
        published = PUBLISHED.get((experiment, variant), {})
        minutes = sum(sum(record["provenance"]["wall_s"].values()) for record in records) / 60
        found = [headlines(record) for record in records]
        for position, name in enumerate(found[0]):
            values = [values[name] for values in found if name in values]
            spread = f" ± {np.std(values, ddof=1):.3g}" if len(values) > 1 else ""
            head = (experiment, variant, scale, str(len(records)), f"{minutes:.1f}") if position == 0 else ("",) * 5
            printed = f"{published[name]:g}" if name in published else ""
            made.append((*head, name, f"{np.mean(values):.4g}{spread}", printed))
    return made


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records (default: results)")
    options = parser.parse_args()
    table = Table(box=None)
    for name in ("experiment", "variant", "scale", "seeds", "minutes", "headline", "ours", "source paper"):
        table.add_column(name)
    for row in rows(options.results):
        table.add_row(*row)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
