"""Hostile input for every file the gate reads: `python -m tests.fuzz --n 10000` (or `make fuzz`).

Each input is a valid file with something done to it: bytes, tokens, values, keys or nesting. The gate must answer with
one of its exit codes, without a traceback, within 2 s and 512 MiB, and never with 0 if a sealed byte changed.
"""

import argparse
import contextlib
import copy
import io
import json
import random
import resource
import signal
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from pathlib import Path

from layercurv.claims.command import main as main_of_gate
from tests.claims.house import claim_text, gate, median, write_claims
from tests.claims.published.planted import as_toml, build_audit, reading, row
from tests.claims.published.test_replication import plan

LIMIT_S, LIMIT_BYTES = 2.0, 512 * 2**20
STORED = [{"file": "summary", "select": "mean_alpha"}]
ROWS = [
    row(reading=[reading(stored=STORED)], replication=plan("not_replicated")),
    row("C002", verdict="unsupported", reading=None, absent=["adamw"]),
    row("C003", stated=["1.5", "2.0"], check="inside", reading=[reading(reduce="extent")]),
]
RECORDS = [f"alpha_map/net_seed{seed}.small.json" for seed in range(3)]
CLAIMS = [claim_text(stated=median(3)), claim_text(id="test.mean", stated="1.80", reduce="mean", within="mean")]
FINDING = """[[finding]]
id = "finding.more"
sentence = "The mean is above one."
place = "nowhere"
relation = "more"
of = ["test.mean", "1"]
says = "above"
reason = "said so"
"""
BOUND = """[[bound]]
document = "README.md"
text = "The mean alpha is {1.80} here."
of = ["test.mean"]
"""
TARGETS = {
    "claims/test.toml": False,
    "claims/published.toml": False,
    "claims/floor.toml": False,
    "claims/findings.toml": False,
    "claims/documents.toml": False,
    "claims/locked/claims.txt": True,  # accepted: any change must be seen
    "README.md": True,
    "results/SHA256SUMS": False,
    "results/alpha_map/net_seed0.small.json": True,  # sealed: any change must be seen
    "results/published_audit/spectral_asymptotics.json": True,
    "paper/results_fits.json": True,
    "paper/results_summary.json": True,
}
TOKENS = [
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-0",
        "9" * 5000,
        "1e-400",
        "0x10",
        "0o7",
        "1__0",
        "inf",
        "null",
        "true",
    ),
    *('""', "[]", "{}", "[[row]]", "[[claim]]", '"', "'''", '"' * 3, "]" * 100, "\\u0000", "\x00", "\r", "\n" * 1000),
    *("\x1b[31m", "::error::", "]]>", "<script>", "\u202e", "\ufeff", "é" * 50, "../../etc/passwd", "/dev/zero"),
    *("[" * 3000, "{" * 3000, '{"a":' * 3000, "a." * 2000 + "a = 1", "x" * 100_000, "1979-05-27T07:32:00Z"),
    *("[@,@][]|[@,@][]|[@,@][]", "to_string(to_string(@))", "@.*.*.*", "[*][*][*]", "sum(@)", "!" * 300 + "a"),
]
NASTY = [
    None, True, False, 0, -1, 10**400, 1e308, -1e308, 5e-324, float("nan"), float("inf"), "", "x", "\x1b[2J", "NaN",
    [], {}, [[]], [None], {"a": {}}, "a" * 10_000, ["x"] * 1000, 1979,
]  # fmt: skip


class TooSlow(BaseException):
    """Raised by the alarm; not an Exception, so that nothing catches it by accident."""


def mutate(text: str, suffix: str, rng: random.Random) -> bytes:
    """Do something to a valid file."""
    content = text.encode()
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        way = rng.randrange(10)
        at = rng.randrange(len(content) + 1)
        if way == 0:
            content = content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
        elif way == 1:
            content = content[:at] + rng.choice(TOKENS).encode("utf-8", "replace") + content[at:]
        elif way == 2:
            content = content[:at] + content[at + rng.randrange(1, 200) :]
        elif way == 3:
            content = content[:at] + content[max(0, at - rng.randrange(1, 200)) : at] + content[at:]
        elif way == 4:
            content = content[:at]
        else:
            content = _structured(content, suffix, rng)
    return content


def _structured(content: bytes, suffix: str, rng: random.Random) -> bytes:
    try:
        document = json.loads(content) if suffix == ".json" else tomllib.loads(content.decode())
    except (ValueError, RecursionError):
        return content
    document = copy.deepcopy(document)
    parent, key = _random_place(document, rng)
    if parent is None:
        return content
    if rng.random() < 0.2 and isinstance(parent, dict):
        parent[rng.choice(("id", "x", "", "__class__", "records"))] = parent.pop(key)
    elif rng.random() < 0.15:
        del parent[key]
    else:
        parent[key] = rng.choice(NASTY)
    if suffix == ".json":
        return json.dumps(document).encode()
    return "".join(f"{name} = {_toml(value)}\n" for name, value in document.items()).encode()


def _toml(value) -> str:
    try:
        return as_toml(value)
    except (TypeError, ValueError):
        return "1"


def _random_place(document, rng: random.Random):
    parent, key = None, None
    value = document
    while isinstance(value, dict | list) and value and (parent is None or rng.random() < 0.8):
        parent, key = value, rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        value = parent[key]
    return parent, key


def run_gate(house: Path, options: tuple[str, ...]) -> tuple[int | None, str, float]:
    """Run the gate once; the exit code is None if it raised."""
    out, err = io.StringIO(), io.StringIO()
    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S * 2)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = gate(house, *options)
    except (Exception, TooSlow):
        return None, traceback.format_exc(), time.monotonic() - start
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    told = out.getvalue() + err.getvalue()
    if "Traceback" in told or "\x1b" in told:
        return None, told, time.monotonic() - start
    return code, told, time.monotonic() - start


def fuzz(n: int, seed: int) -> int:
    """Try n inputs; print what went wrong and the sum. 0 if nothing did."""
    rng = random.Random(seed)
    signal.signal(signal.SIGALRM, _alarm)
    codes, slowest, wrong = Counter(), 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            house = build_audit(Path(folder), *ROWS)
        write_claims(house, *CLAIMS, records=RECORDS)
        (house / "claims" / "findings.toml").write_text(FINDING)
        (house / "claims" / "documents.toml").write_text(BOUND)
        (house / "README.md").write_text("The mean alpha is 1.80 here.\n")
        paths = ("--claims", f"{house}/claims", "--results", f"{house}/results", "--documents", str(house))
        with contextlib.redirect_stdout(io.StringIO()):
            assert main_of_gate(["sentences", *paths, "--accept"]) == 0
        originals = {name: (house / name).read_text() for name in TARGETS}
        used = _resident_bytes()
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + LIMIT_BYTES, resource.RLIM_INFINITY))
        for number in range(n):
            name = rng.choice(list(TARGETS))
            content = mutate(originals[name], Path(name).suffix, rng)
            (house / name).write_bytes(content)
            formats = rng.choice(("table", "json", "junit", "markdown", "github"))
            options = (
                "--format",
                formats,
                *(["-v"] if rng.random() < 0.3 else []),
                "--published",
                f"{house}/paper",
                "--documents",
                str(house),
            )
            code, told, seconds = run_gate(house, options)
            (house / name).write_text(originals[name])
            codes[code] += 1
            slowest = max(slowest, seconds)
            unseen = TARGETS[name] and code == 0 and content != originals[name].encode()
            if code not in (0, 1, 2, 3) or seconds > LIMIT_S or unseen:
                wrong += 1
                print(f"input {number} of {name}: exit {code}, {seconds:.1f} s{', a change unseen' if unseen else ''}")
                print(told[-1500:])
                if wrong >= 10:
                    break
    grown = (_resident_bytes() - used) / 2**20
    exits = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items(), key=str))
    print(f"{sum(codes.values())} inputs, seed {seed}; exit codes {exits}")
    print(f"slowest {slowest:.2f} s; memory +{grown:.0f} MiB")
    print(f"{wrong} wrong")
    return 1 if wrong else 0


def _alarm(*_):
    raise TooSlow(f"more than {LIMIT_S * 2} s")


def _resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000, help="inputs (default: 10000)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    return fuzz(options.n, options.seed)


if __name__ == "__main__":
    raise SystemExit(main())
