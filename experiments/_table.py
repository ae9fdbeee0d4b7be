"""All records at a glance: seeds, seconds, headlines beside the source paper's. `make table` prints it."""

import argparse
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import stdtrit

from experiments._comparisons import compare_accuracies
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


def rows(records: dict[tuple[str, str, str], list[dict]]) -> list[tuple[str, ...]]:
    """Make one row per variant and headline.

    Args:
        records: What `records_by_variant` returned.

    Returns:
        Experiment, variant, scale, seeds, minutes, headline, mean and standard deviation, the source paper's value.
    """
    made = []
    for (experiment, variant, scale), seeds in records.items():
        published = PUBLISHED.get((experiment, variant), {})
        minutes = sum(record["provenance"]["wall_s"]["this_run"] for record in seeds) / 60
        found = [headlines(record) for record in seeds]
        for position, name in enumerate(found[0]):
            values = [values[name] for values in found if name in values]
            spread = f" ± {np.std(values, ddof=1):.3g}" if len(values) > 1 else ""
            head = (experiment, variant, scale, str(len(seeds)), f"{minutes:.1f}") if position == 0 else ("",) * 5
            printed = f"{published[name]:g}" if name in published else ""
            made.append((*head, name, f"{np.mean(values):.4g}{spread}", printed))
    return made


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records (default: results)")
    options = parser.parse_args()
    records = records_by_variant(options.results)
    console = Console(width=150)
    _print(
        console,
        ("experiment", "variant", "scale", "seeds", "minutes", "headline", "ours", "source paper"),
        rows(records),
    )
    scales = sorted({scale for _, _, scale in records})
    compared = [(scale, entry) for scale in scales for entry in compare_accuracies(records, scale)]
    if compared:
        names = ("scale", "accuracy of", "minus that of", "seeds", "difference", "90 % interval", "equivalent (Holm p)")
        _print(console, names, [_comparison_row(scale, entry) for scale, entry in compared])


def _comparison_row(scale: str, entry: dict) -> tuple[str, ...]:
    interval = f"{entry['ci90_low']:+.4f} to {entry['ci90_high']:+.4f}"
    verdict = f"{'yes' if entry['holm_p'] < 0.05 else 'not shown'} ({entry['holm_p']:.2g}), margin {entry['margin']}"
    pair = (entry["sample"], entry["reference"], str(entry["n"]))
    return scale, *pair, f"{entry['difference']:+.4f}", interval, verdict


def _print(console: Console, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(*names, box=None)
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
