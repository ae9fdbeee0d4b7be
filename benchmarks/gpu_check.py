"""`make gpu-check`: does a fresh GPU machine measure what the CPU does, and how fast? At most eight minutes."""

import os
import subprocess
import sys

import torch

TESTS_S, GOAL_S = 200, 270  # the most either may take


def main() -> int:
    """Run the tests marked gpu, then the goal.

    Returns:
        0 if all is well, 1 if not or if there is no GPU.
    """
    if not torch.cuda.is_available():
        print(f"gpu-check: torch {torch.__version__} sees no CUDA device; nothing was checked", file=sys.stderr)
        return 1
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}", flush=True)
    tests = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-q", "-m", "gpu", "tests/gpu"]
    steps = (("tests", tests, TESTS_S), ("goal", [sys.executable, "-m", "benchmarks.resnet50_goal"], GOAL_S))
    environment = os.environ | {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # products with the same bits each time
    failed = [name for name, command, limit_s in steps if not _succeeds(command, limit_s, environment)]
    print(f"gpu-check: {', '.join(failed) + ' failed' if failed else 'all is well'}")
    return int(bool(failed))


def _succeeds(command: list[str], limit_s: int, environment: dict[str, str]) -> bool:
    try:
        return subprocess.run(command, env=environment, timeout=limit_s, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"not done within {limit_s} s: {' '.join(command)}")
        return False


if __name__ == "__main__":
    raise SystemExit(main())
