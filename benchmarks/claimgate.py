"""What `claimgate check` costs on 1,000 claims over 500 records, beside plain parsing of the same files: one ratio.

The rival is a process that does no more than load the same files with `json` and `tomllib`. Both are whole processes,
in turns; medians are printed, of wall time and of processor time, which a busy machine disturbs less. Modules are
compiled before, as `pip install` does it, whatever the environment says of bytecode.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.options import count
from claimgate.floor import raise_floor
from claimgate.gate import Gate
from claimgate.manifest import freeze
from claimgate.project import load_project

ROOT = Path(__file__).resolve().parents[1]
PLAIN = """
import json, pathlib, tomllib
for path in pathlib.Path("results").rglob("*.json"): json.loads(path.read_bytes())
for path in pathlib.Path("claims").glob("*.toml"): tomllib.loads(path.read_text(encoding="utf-8"))
"""
COMMANDS = {
    "an interpreter that does nothing": [sys.executable, "-c", "pass"],
    "json and tomllib load the same files": [sys.executable, "-c", PLAIN],
    "claimgate check": [sys.executable, "-m", "claimgate", "check", "--quiet"],
}
SEEDS = 5


def write_paper(folder: Path, n_claims: int, n_records: int, n_numbers: int) -> None:
    """Write claims, records, seal and floor.

    Args:
        folder: An empty folder.
        n_claims: How many claims; each reads all seeds of one variant.
        n_records: How many records, `SEEDS` of each variant.
        n_numbers: How many numbers of 17 digits a record holds, in layers of 100.
    """
    numbers = random.Random(0)
    variants = [f"net{number}" for number in range(n_records // SEEDS)]
    means: dict[str, list[float]] = {}
    for variant in variants:
        for seed in range(SEEDS):
            layers = [
                {"name": f"layer{number}", "values": [numbers.gauss(2, 0.1) for _ in range(100)]}
                for number in range(n_numbers // 100)
            ]
            for layer in layers:
                means.setdefault(f"{variant} {layer['name']}", []).extend(layer["values"])
            path = folder / "results" / "runs" / f"{variant}_seed{seed}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"seed": seed, "layers": layers}, indent=1))
    (folder / "claims").mkdir()
    (folder / "claimgate.toml").write_text("")
    per_variant = n_claims // len(variants)
    for variant in variants:
        names = [f"runs/{variant}_seed{seed}.json" for seed in range(SEEDS)]
        text = f"records = {json.dumps(names)}\n"
        for number in range(per_variant):
            layer = f"layer{number % (n_numbers // 100)}"
            mean = statistics.fmean(means[f"{variant} {layer}"])
            text += f'''
[[claim]]
id = "{variant}.claim{number}"
sentence = "The mean of {layer} of {variant} over all seeds is as stated."
place = "Results"
select = "layers[?name=='{layer}'].values[]"
reduce = "mean"
check = "equals"
stated = "{mean:.4f}"
tolerance = "printed"
reason = "printed precision"
'''
        (folder / "claims" / f"{variant}.toml").write_text(text)
    freeze(folder / "results")
    project = load_project(folder)
    gate = Gate(folder / "claims", folder / "results", project, documents=folder)
    raise_floor(gate.claims, gate.counts())
    gate.accept_sentences()


def seconds(command: list[str], folder: Path) -> tuple[float, float]:
    """Time a command.

    Args:
        command: The command line; it must succeed.
        folder: Where it runs.

    Returns:
        Its wall time and its processor time.
    """
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=environment)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=count, default=7, help="rounds; all commands take turns within each")
    parser.add_argument("--claims", type=count, default=1000)
    parser.add_argument("--records", type=count, default=500)
    parser.add_argument(
        "--numbers",
        type=count,
        nargs="+",
        default=[200, 2000],
        help="in a record, one or more sizes (200 take about 5 kB)",
    )
    options = parser.parse_args()
    for n_numbers in options.numbers:
        compare(options.claims, options.records, n_numbers, options.repeats)


def compare(n_claims: int, n_records: int, n_numbers: int, n_repeats: int) -> None:
    """Print medians and ratios for one size of records.

    Args:
        n_claims: As for `write_paper`.
        n_records: Likewise.
        n_numbers: Likewise.
        n_repeats: Rounds; all commands take turns within each.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_paper(folder, n_claims, n_records, n_numbers)
        size = sum(path.stat().st_size for path in folder.rglob("*.json"))
        print(f"{n_claims} claims, {n_records} records of {size / n_records / 1e3:.0f} kB")
        for command in COMMANDS.values():  # compiles what it imports
            seconds(command, folder)
        rounds = [{what: seconds(command, folder) for what, command in COMMANDS.items()} for _ in range(n_repeats)]
    for index, kind in enumerate(("wall time", "processor time")):
        nothing, plain, check = (statistics.median(times[what][index] for times in rounds) for what in COMMANDS)
        for what, value in zip(COMMANDS, (nothing, plain, check), strict=True):
            print(f"{value:7.2f} s  {what}, {kind}")
        print(f"{check / plain:7.2f}    check over plain, {kind} of whole processes")
        print(f"{(check - nothing) / (plain - nothing):7.2f}    the same less the start of the interpreter")


if __name__ == "__main__":
    main()
