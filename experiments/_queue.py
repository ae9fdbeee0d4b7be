"""Run the experiments whose records are missing, in the order of `queue.toml`, inside a time budget.

`python -m experiments._queue SCALE --budget 9m` (or `make queue SCALE=small BUDGET=9m`). Every run resumes from its
checkpoints, so a queue that was stopped or killed goes on where it was. Runs of one network and seed never overlap: the
first trains it, the others find it trained.

`--launcher slurm` sends the same list to a cluster as one array job, an element per network and seed (`_network.py`).
The pool below stays for one machine: of the launchers, joblib kills what exceeds a time limit, so that it cannot save,
and submitit's local executor starts everything at once.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layercurv.errors import InputError
from layercurv.results.store import SCALES, RecordName

FILE = Path(__file__).with_name("queue.toml")
LAUNCHERS = {"local": None, "slurm": "submitit_slurm"}  # name on the command line, and in configs/hydra/launcher
_UNITS = {"s": 1, "m": 60, "h": 3600}
_KEYS = {"experiment", "variant", "network", "overrides", "seeds", "scales"}


@dataclass(frozen=True)
class Job:
    """One record that is to be there."""

    name: RecordName
    network: tuple[str, int]  # what it trains, and the seed
    overrides: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name of the network and seed."""
        return "{}_seed{}".format(*self.network)

    def command(self, results: Path, checkpoints: Path) -> list[str]:
        """Give the command that makes the record.

        Args:
            results: Folder of records.
            checkpoints: Folder of checkpoints.

        Returns:
            The command line.
        """
        fixed = (f"variant={self.name.variant}", f"scale={self.name.scale}", f"seed={self.network[1]}")
        places = (f"place.results={results}", f"place.checkpoints={checkpoints}")
        return [sys.executable, "-m", f"experiments.{self.name.experiment}", *self.overrides, *fixed, *places]


@dataclass
class Running:
    """A job under way."""

    job: Job
    process: subprocess.Popen
    log: Path
    started: float


def load_jobs(path: Path, scale: str) -> list[Job]:
    """Read the jobs of one scale, in order.

    Args:
        path: The queue file.
        scale: Which scale.

    Returns:
        One job per record.

    Raises:
        InputError: If the file cannot be read, or a job has an unknown key or lacks one.
    """
    entries = _entries(path)
    for number, entry in enumerate(entries, start=1):
        if entry.keys() != _KEYS:
            raise InputError(
                f"{path}, job {number}: expected the keys {', '.join(sorted(_KEYS))}, got {', '.join(entry)}"
            )
    return [_job(entry, seed, scale) for entry in entries if scale in entry["scales"] for seed in entry["seeds"]]


def _entries(path: Path) -> list[dict]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("job")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # of TOML, or of UTF-8
        raise InputError(f"{path}: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: expected a list of tables [[job]], got {type(entries).__name__}")
    return entries


def _job(entry: dict, seed: int, scale: str) -> Job:
    name = RecordName(entry["experiment"], f"{entry['variant']}_seed{seed}", scale)
    return Job(name, (entry["network"], seed), tuple(entry["overrides"]))


def run_queue(
    jobs: list[Job],
    results: Path,
    checkpoints: Path,
    budget_s: float,
    n_workers: int,
    log: Path,
    is_told: Callable[[], bool] = lambda: False,
) -> int:
    """Run the missing ones of some jobs.

    Args:
        jobs: In order.
        results: Folder of records.
        checkpoints: Folder of checkpoints.
        budget_s: Seconds; what is under way then is stopped and resumes next time.
        n_workers: Runs at a time; they share the cores.
        log: Folder for the output of each run.
        is_told: Asked a few times a second; true stops what is under way, as the end of the budget does.

    Returns:
        How many runs failed.
    """
    waiting = [job for job in jobs if not job.name.path(results).exists()]
    print(f"{len(jobs)} records, {len(waiting)} missing")
    deadline, running, failed = time.monotonic() + budget_s, [], 0
    log.mkdir(parents=True, exist_ok=True)
    threads = max(1, (os.cpu_count() or 1) // n_workers)
    try:
        while (waiting or running) and time.monotonic() < deadline and not is_told():
            for job in [job for job in waiting if len(running) < n_workers and _is_free(job, running)][:1]:
                waiting.remove(job)
                running.append(_start(job, results, checkpoints, log, threads))
            for done in [run for run in running if run.process.poll() is not None]:
                running.remove(done)
                failed += _report(done, len(waiting) + len(running))
            time.sleep(0.2)
    finally:  # the budget is spent, or somebody stops the queue
        for run in running:
            run.process.terminate()
            run.process.wait()
            print(f"{_label(run.job)}: stopped after {_minutes(run)}; it resumes from its checkpoint", flush=True)
    if waiting:
        print(f"{len(waiting)} records not begun")
    return failed


def send(jobs: list[Job], launcher: str, options: argparse.Namespace) -> int:
    """Send the missing ones of some jobs to a cluster as one array job, and wait for its end.

    Stopping this command leaves them there; the array's elements go on by themselves.

    Args:
        jobs: In order.
        launcher: A file of `configs/hydra/launcher`.
        options: The command line's: `scale`, `file`, `results`, `checkpoints`, and `settings` for Hydra.

    Returns:
        0; 1 if a process died, 2 if a run failed or a setting is wrong.
    """
    waiting = [job for job in jobs if not job.name.path(options.results).exists()]
    networks = list(dict.fromkeys(job.label for job in waiting))
    print(f"{len(jobs)} records, {len(waiting)} missing, of {len(networks)} networks", flush=True)
    if not waiting:
        return 0
    only = sorted({job.name.experiment for job in waiting})
    settings = (f"file={options.file}", f"wanted.scale={options.scale}", f"wanted.experiments=[{','.join(only)}]")
    places = (f"place.results={options.results}", f"place.checkpoints={options.checkpoints}")
    sweep = ("-m", f"hydra/launcher={launcher}", f"network={','.join(networks)}")
    command = [sys.executable, "-m", "experiments._network", *sweep, *settings, *places, *options.settings]
    return subprocess.run(command, check=False).returncode


def _is_free(job: Job, running: list[Running]) -> bool:
    return all(job.network != run.job.network for run in running)


def _start(job: Job, results: Path, checkpoints: Path, log: Path, threads: int) -> Running:
    path = log / f"{job.name.experiment}-{job.name.variant}.{job.name.scale}.log"
    command = job.command(results, checkpoints)
    environment = {"OMP_NUM_THREADS": str(threads)} | os.environ
    with path.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)
    return Running(job, process, path, time.monotonic())


def _report(run: Running, n_left: int) -> bool:
    last = (run.log.read_text(encoding="utf-8").strip().splitlines() or [""])[-1]
    code = run.process.returncode
    ending = f"killed by {signal.Signals(-code).name}" if code < 0 else f"{code}"
    outcome = f"done in {_minutes(run)}" if code == 0 else f"FAILED ({ending}) after {_minutes(run)}: {last[:200]}"
    print(f"{_label(run.job)}: {outcome}; {n_left} left", flush=True)
    return code != 0


def _label(job: Job) -> str:
    return f"{job.name.experiment}/{job.name.variant}.{job.name.scale}"


def _minutes(run: Running) -> str:
    return f"{(time.monotonic() - run.started) / 60:.1f} min"


def parse_duration(text: str) -> float:
    """Read a duration.

    Args:
        text: A number with a unit: "90s", "9m", "8h".

    Returns:
        Seconds.

    Raises:
        InputError: If it is nothing of the kind.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match is None:
        raise InputError(f"budget: expected a duration like 90s, 9m or 8h, got {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def wanted_jobs(path: Path, scale: str, wanted: set[str]) -> list[Job]:
    """Read the jobs of one scale and keep those of some experiments.

    Args:
        path: The queue file.
        scale: Which scale.
        wanted: Experiments; none keeps all.

    Returns:
        The jobs, in order.

    Raises:
        InputError: If there is no job of the scale, or of an experiment.
    """
    jobs = load_jobs(path, scale)
    if not jobs:
        scales = ", ".join(sorted({known for entry in _entries(path) for known in entry["scales"]}))
        raise InputError(f"{path.name} has no job at scale {scale}; there are jobs at: {scales}")
    known = {job.name.experiment for job in jobs}
    if unknown := wanted - known:
        raise InputError(f"no job of {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    return [job for job in jobs if not wanted or job.name.experiment in wanted]


def _require_sense(options: argparse.Namespace) -> None:
    if options.workers < 1:
        raise InputError(f"workers: expected at least 1, got {options.workers}")
    if options.settings and not LAUNCHERS[options.launcher]:  # the runs would not hear of them
        raise InputError(
            f"settings: expected none without --launcher slurm, got {' '.join(options.settings)}; "
            "one run takes them: python -m experiments.ID"
        )


def main() -> int:
    """Be the command line.

    Returns:
        0; 1 if a run failed; 2 on bad input.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scale", choices=SCALES)
    parser.add_argument("--launcher", choices=LAUNCHERS, default="local", help="local: this machine; slurm: a cluster")
    parser.add_argument("--budget", default="8h", help="local: such as 90s, 9m or 8h (default: 8h)")
    parser.add_argument("--workers", type=int, default=1, help="local: runs at a time (default: 1)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records (default: results)")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="default: checkpoints")
    parser.add_argument("--file", type=Path, default=FILE, help="jobs and their order (default: queue.toml)")
    parser.add_argument("--only", default="", help="experiments, separated by commas (default: all)")
    parser.add_argument("settings", nargs="*", help="slurm: such as hydra.launcher.partition=gpu")
    options = parser.parse_intermixed_args()
    try:
        _require_sense(options)
        budget_s = parse_duration(options.budget)
        jobs = wanted_jobs(options.file, options.scale, set(filter(None, options.only.split(","))))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if launcher := LAUNCHERS[options.launcher]:
        return send(jobs, launcher, options)
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))  # an exception might orphan a run that begins
    places = options.results, options.checkpoints
    failed = run_queue(jobs, *places, budget_s, options.workers, Path("outputs") / "queue", lambda: bool(told))
    return int(failed > 0 or bool(told))


if __name__ == "__main__":
    raise SystemExit(main())
