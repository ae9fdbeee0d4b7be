"""What verifying the claims costs beside plain parsing, and `make all` again with nothing changed: ratios of one run.

The rival is a process that does no more than load the same files with `json` and `tomllib`. Both are whole processes,
in turns; medians are printed, once as they are and once less the start of an interpreter that does nothing.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.options import count

ROOT = Path(__file__).resolve().parents[1]
PLAIN = """
import json, pathlib, tomllib
for path in pathlib.Path("results").rglob("*.json"): json.loads(path.read_bytes())
for path in pathlib.Path("claims").glob("*.toml"): tomllib.loads(path.read_text(encoding="utf-8"))
"""
COMMANDS = {
    "an interpreter that does nothing": [sys.executable, "-c", "pass"],
    "json and tomllib load the same files": [sys.executable, "-c", PLAIN],
    "verify_claims.py": [sys.executable, "verify_claims.py", "--quiet"],
}


def seconds(command: list[str]) -> float:
    """Time a command in the checkout.

    Args:
        command: The command line; it must succeed.

    Returns:
        Its wall time.
    """
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=count, default=7, help="rounds; all commands take turns within each")
    n_rounds = parser.parse_args().repeats
    rounds = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(n_rounds)]
    nothing, plain, verify = (statistics.median(times[name] for times in rounds) for name in COMMANDS)
    for name, value in zip(COMMANDS, (nothing, plain, verify), strict=True):
        print(f"{value:7.2f} s  {name}")
    print(f"{verify / plain:7.2f}    verify over plain, whole processes")
    print(f"{(verify - nothing) / (plain - nothing):7.2f}    the same less the start of the interpreter")
    make = statistics.median(seconds(["make", "all"]) for _ in range(4))
    print(f"{make:7.2f} s  make all, nothing changed: {make / plain:.1f} times plain loading")


if __name__ == "__main__":
    main()
