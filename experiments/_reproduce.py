"""Run one frozen experiment again from scratch and judge it by the record's own interval: `make reproduce EXP=id`.

The rerun passes if each headline lies where one more seed would be expected (95 % prediction interval from the frozen
seeds, Holm's correction over all of them). On the machine of the frozen record the rerun of the same seed is
bit-identical; elsewhere training takes other roundings, and a network of the same kind comes out.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from experiments._queue import FILE, Job, load_jobs
from layercurv.errors import InputError

GATE = Path(__file__).resolve().parents[1] / "verify_claims.py"


def choose_job(experiment: str, variant: str | None, scale: str, results: Path) -> Job:
    """Find what to run again.

    Args:
        experiment: Experiment id.
        variant: Record variant with its seed; None takes the first in the queue whose record is frozen.
        scale: Scale of the frozen record.
        results: Folder of frozen records.

    Returns:
        The job.

    Raises:
        InputError: If there is no such frozen record.
    """
    jobs = [job for job in load_jobs(FILE, scale) if job.name.path(results).exists()]
    mine = [job for job in jobs if job.name.experiment == experiment and variant in (None, job.name.variant)]
    if not mine:
        known = ", ".join(sorted({f"{job.name.experiment}/{job.name.variant}" for job in jobs}))
        raise InputError(f"no frozen {scale} record of {experiment}/{variant or '*'}; there are: {known}")
    return mine[0]


def judge(frozen: Path, rerun: Path) -> int:
    """Let the gate compare the rerun's headlines with those of the frozen seeds.

    Args:
        frozen: Folder of frozen records.
        rerun: Folder of the rerun.

    Returns:
        0 if they agree, 1 if one differs significantly, 3 if one cannot be judged.
    """
    return subprocess.run([sys.executable, GATE, "diff", frozen, rerun, "--partial"], check=False).returncode


def main() -> int:
    """Be the command line.

    Returns:
        0 if the rerun agrees, 1 if not, 2 on bad input or a failed run, 3 if there is one frozen seed only.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment")
    parser.add_argument("--variant", help="record variant with its seed (default: the first frozen one)")
    parser.add_argument("--scale", default="small", help="default: small")
    parser.add_argument("--results", type=Path, default=Path("results"), help="frozen records (default: results)")
    parser.add_argument("--out", type=Path, default=Path("build/reproduce"), help="default: build/reproduce")
    options = parser.parse_args()
    try:
        job = choose_job(options.experiment, options.variant, options.scale, options.results)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    shutil.rmtree(options.out, ignore_errors=True)  # from scratch: no checkpoint of an earlier rerun
    command = job.command(options.out / "results", options.out / "checkpoints")
    print(f"running {job.name.experiment}/{job.name.variant}.{job.name.scale} again")
    code = subprocess.run(command, check=False).returncode
    if code != 0:
        print(f"error: the rerun failed with exit code {code}", file=sys.stderr)
        return 2
    return judge(options.results, options.out / "results")


if __name__ == "__main__":
    raise SystemExit(main())
