"""Check operations in child processes, so that a kernel that corrupts memory, aborts or hangs hurts nobody."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from layercurv.kernels.operation import Operation

ROOT = Path(__file__).resolve().parents[2]
CHILD = "layercurv.kernels.child"
START_S = 120.0  # to load torch, on a busy machine and a cold disk
LIMIT_S = 30.0  # for one operation, ...
MULTIPLICATIONS_PER_S = 1e8  # ... and this for its size, a hundredth of what one core does
# Fresh memory holds huge numbers instead of zeros (glibc's tunable; others ignore it), so that a kernel that reads what
# it never wrote shows.
ENVIRONMENT = {"MALLOC_PERTURB_": "1"}


def failures(operations: list[Operation], device: torch.device, limit_s: float = LIMIT_S) -> dict[Operation, str]:
    """Run operations against the reference and say which are wrong.

    One process tries them all. Only if it ends well are its answers believed: memory corrupted by one operation may
    bring down another. If it dies or hangs, each half is tried in a process of its own.

    Args:
        operations: What to try.
        device: Where.
        limit_s: Seconds each may take, plus what its size asks for.

    Returns:
        Each operation that failed, and how.
    """
    answer = _ask(operations, device, limit_s)
    if isinstance(answer, str) and len(operations) > 1:
        middle = len(operations) // 2
        found = failures(operations[:middle], device, limit_s) | failures(operations[middle:], device, limit_s)
        return found or dict.fromkeys(operations, f"{answer}, though only beside the others")
    if isinstance(answer, str):
        return {operations[0]: answer}
    pairs = zip(operations, answer, strict=True)
    return {operation: _wrong(parts) for operation, parts in pairs if _wrong(parts)}


def _ask(operations: list[Operation], device: torch.device, limit_s: float) -> list[dict] | str:
    # What the child found, or how it ended.
    limits = [limit_s + 4 * operation.multiplications / MULTIPLICATIONS_PER_S for operation in operations]
    question = {
        "device": str(device),
        "n_threads": torch.get_num_threads(),
        "operations": [asdict(operation) for operation in operations],
        "limits_s": limits,
    }
    command, environment = [sys.executable, "-m", CHILD], os.environ | ENVIRONMENT
    environment["OPENBLAS_NUM_THREADS"] = str(torch.get_num_threads())  # for NumPy's reference
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    try:
        done = subprocess.run(
            command, input=json.dumps(question), capture_output=True, text=True, env=environment,
            timeout=START_S + sum(limits), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "did not end in time"
    if done.returncode == 0:
        return json.loads(done.stdout)
    return _ending(done, limits[0])


def _ending(done: subprocess.CompletedProcess, limit_s: float) -> str:
    if done.returncode < 0:
        last = (done.stderr.strip().splitlines() or [""])[0]
        return f"killed its process: {signal.Signals(-done.returncode).name} {last}".strip()
    if "Timeout (" in done.stderr:
        return f"did not end in {limit_s:.0f} s"
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return f"ended its process with exit code {done.returncode}: {last}"


def _wrong(parts: dict[str, dict[str, float]]) -> str:
    # Empty for an operation that is right.
    wrong = [
        f"{part} off by {found['error']:.2g} (rounding explains {found['tolerance']:.1g})"
        for part, found in parts.items()
        if not found["error"] <= found["tolerance"]
    ]
    return ", ".join(wrong) + " relative to the float64 reference's root mean square" if wrong else ""
