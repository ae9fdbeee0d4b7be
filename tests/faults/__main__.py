"""`make faults`: kills, full disks, damaged files and more; prints a table of what was lost, which must be nothing."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from tests.faults.disks import faults_of_disks
from tests.faults.files import faults_of_files
from tests.faults.kills import killed_drawing, killed_runs, killed_sealing
from tests.faults.neighbours import faults_of_neighbours
from tests.faults.scene import Scenes
from tests.faults.trial import Trial


def kinds(folder: Path, points: int) -> dict[str, Callable[[], Iterator[Trial]]]:
    """All faults by kind, `points` of them kills."""
    scenes, share = Scenes(folder / "runs"), max(1, points // 5)
    return {
        "runs": lambda: killed_runs(scenes, share),
        "sealing": lambda: killed_sealing(folder / "sealing", share),
        "drawing": lambda: killed_drawing(folder / "drawing", share),
        "disks": lambda: faults_of_disks(scenes),
        "files": lambda: faults_of_files(scenes),
        "neighbours": lambda: faults_of_neighbours(scenes),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200, help="kill points (default: 200)")
    parser.add_argument("--only", nargs="+", choices=kinds(Path(), 1), help="some kinds (default: all)")
    options = parser.parse_args()
    torch.set_num_threads(1)  # no threads: this process forks
    tried, lost, messages, started = Counter(), Counter(), {}, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        of = kinds(Path(name), options.points)
        for trial in (trial for kind in options.only or of for trial in of[kind]()):
            tried[trial.kind] += 1
            print(f"{time.monotonic() - started:6.0f} s  {trial.kind}", file=sys.stderr, flush=True)
            lost[trial.kind] += bool(trial.lost)
            messages.setdefault(trial.kind, trial.message.replace(name, "..."))
            for text in trial.lost:
                print(f"LOST: {trial.kind}: {text}", flush=True)
    print(f"{'fault':34} {'tried':>5} {'lost':>4}  what the user reads")
    for kind, count in tried.items():
        print(f"{kind:34} {count:5} {lost[kind]:4}  {messages[kind][:150]}")
    seconds = time.monotonic() - started
    print(f"{sum(tried.values())} faults, {lost.total()} lost ({seconds:.0f} s)")
    return int(lost.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
