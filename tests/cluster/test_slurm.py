"""A sweep on a real Slurm: jobs and nodes are killed in the middle, and every record is as if nothing had been.

`make cluster` runs it. What is killed is chosen by what has been saved, never by the clock.
"""

import functools
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir

from experiments._main import CONFIGS
from experiments._queue import load_jobs
from experiments._runner import Run
from experiments._training import TRAINED_BY
from layercurv.exchange import Exchange
from layercurv.kernels import Kernels
from tests.cluster.slurm import Slurm, missing, wait_for
from tests.experiments.smoke import smoke_record

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

EXPERIMENTS = ("alpha_map", "full_spectrum", "participation_ratio", "weight_tail")
SUBJECT = ["subject=mlp_cifar10", "training.epochs=240", "training.checkpoint_s=0.2", "curvature.checkpoint_s=0"]
FAST = ["hydra.launcher.cpus_per_task=1", "hydra.launcher.timeout_min=30", "hydra.launcher.partition=low"]
JOB = """
[[job]]
experiment = "{experiment}"
variant = "mlp"
network = "mlp"
overrides = {overrides}
seeds = [0, 1, 2]
scales = ["smoke"]
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # munge asks for that
    with Slurm(folder) as cluster:
        yield cluster


class Sweep:
    """The queue's command on twelve runs of three networks, and what can be seen of it from outside."""

    def __init__(self, slurm: Slurm, root: Path, folder: Path):
        self.slurm, self.root, self.folder = slurm, root, folder
        self.queue = folder / "queue.toml"
        jobs = (JOB.format(experiment=name, overrides=json.dumps(SUBJECT)) for name in EXPERIMENTS)
        self.queue.write_text("".join(jobs))
        self.jobs = load_jobs(self.queue, "smoke")
        self.output = folder / "output.txt"

    def start(self) -> subprocess.Popen:
        places = [f"--results={self.folder}/results", f"--checkpoints={self.folder}/checkpoints"]
        here = [f"place.log={self.folder}/log", f"hydra.sweep.dir={self.folder}/sweep", *FAST]
        queue = [sys.executable, "-m", "experiments._queue", "smoke", "--launcher", "slurm", f"--file={self.queue}"]
        with self.output.open("a") as stream:
            return subprocess.Popen(
                [*queue, *places, *here], cwd=self.root, env=self.slurm.environment, stdout=stream, stderr=stream
            )

    def wait(self, process: subprocess.Popen) -> None:
        def ended() -> bool:
            self.slurm.begin_now()
            return process.poll() is not None

        wait_for(ended, "the end of the sweep", 400)

    def training_on(self, process: subprocess.Popen, *nodes: str) -> str:
        """Wait until a network is being trained on one of these nodes and has been saved; return the node."""

        def found() -> str | None:
            assert process.poll() is None, self.output.read_text()
            self.slurm.begin_now()
            return self._training_on(*nodes)

        return wait_for(found, f"a network in training on {' or '.join(nodes)}", 240)

    def _training_on(self, *nodes: str) -> str | None:
        for node in nodes:
            for pid in self.slurm.processes_with(f"SLURMD_NODENAME={node}"):
                command = command_of(pid)
                seed = command.partition("\0seed=")[2].partition("\0")[0]
                if "experiments.alpha_map" in command and self.is_under_way(seed):
                    return node
        return None

    def is_under_way(self, seed: str) -> bool:
        return checkpoint(self.folder, seed).exists() and not self.record("alpha_map", seed).exists()

    def record(self, experiment: str, seed: int | str) -> Path:
        return self.folder / "results" / experiment / f"mlp_seed{seed}.smoke.json"

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.rglob("*.log")))


@functools.cache
def checkpoint(folder: Path, seed: str) -> Path:
    settings = ["scale=smoke", *SUBJECT, f"seed={seed}", f"place.checkpoints={folder}/checkpoints"]
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        run = Run(
            compose("alpha_map", settings), torch.device("cpu"), "", Kernels(torch.device("cpu")), Exchange.of_one()
        )
    return run.checkpoint("trained", *TRAINED_BY)[0]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_a_sweep_survives_lost_nodes_preemption_and_killed_jobs(slurm, root, tmp_path):
    sweep = Sweep(slurm, root, tmp_path)
    assert len(sweep.jobs) == 12
    first = sweep.start()
    try:
        # On one node all processes of a job are killed for good.
        nodes = set(slurm.nodes)
        killed = sweep.training_on(first, *nodes)
        for pid in slurm.processes_with(f"SLURMD_NODENAME={killed}"):
            if "submitit" in command_of(pid) or "experiments." in command_of(pid):
                os.kill(pid, signal.SIGKILL)
        # The power of another goes.
        lost = sweep.training_on(first, *(nodes - {killed}))
        slurm.lose_node(lost)
        # The third is drained, and a job that matters more takes it.
        (drained,) = nodes - {killed, lost}
        sweep.training_on(first, drained)
        urgent = slurm.ask("sbatch", "--parsable", "-p", "high", "-w", drained, "-o", "/dev/null", "--wrap", "sleep 1")
        wait_for(lambda: "COMPLETED" in slurm.ask("sacct", "-n", "-X", "-j", urgent, "-o", "state"), "preemption", 60)
        slurm.ask("scontrol", "update", f"nodename={drained}", "state=drain", "reason=test")
        assert "drain" in slurm.ask("sinfo", "-h", "-n", drained, "-o", "%T")
        # They come back, and what they had is given to some node anew.
        wait_for(lambda: slurm.ask("sinfo", "-h", "-n", lost, "-o", "%T").startswith("down"), "the loss to be seen", 60)
        slurm.start_node(lost)
        slurm.ask("scontrol", "update", f"nodename={drained}", "state=resume")
        sweep.wait(first)
        assert first.returncode == 1, sweep.output.read_text()
    finally:
        if first.poll() is None:
            first.send_signal(signal.SIGTERM)
        print(sweep.output.read_text()[-3000:])
    assert "error: a run ended without an answer, killed or out of memory" in sweep.output.read_text()
    wait_for(lambda: not slurm.ask("squeue", "-h"), "the elements that are left", 240)
    second = sweep.start()
    sweep.wait(second)
    assert second.returncode == 0, sweep.output.read_text()
    check_records(sweep, tmp_path)


def check_records(sweep: Sweep, tmp_path: Path) -> None:
    steps = [line for line in sweep.logs().splitlines() if "training goes on from step" in line]
    resumed = [line for line in steps if not re.search(r"from step (\d+) of \1\b", line)]
    assert len(resumed) >= 3, steps
    for job in sweep.jobs:
        name, seed = job.name.experiment, job.network[1]
        found = json.loads(job.name.path(sweep.folder / "results").read_text())
        undisturbed = smoke_record(name, tmp_path / "undisturbed", *SUBJECT, f"seed={seed}", variant=job.name.variant)
        assert found["measurements"] == undisturbed["measurements"], job.name
    records = [path.name for path in (sweep.folder / "results").rglob("*") if path.is_file()]
    assert len(records) == 12 and all(name.endswith(".smoke.json") for name in records), records


def test_bad_input_in_another_process_is_one_error(slurm, root, tmp_path):
    places = [f"place.{name}={tmp_path}/{name}" for name in ("results", "checkpoints")]
    sweep = ["-m", "hydra/launcher=submitit_slurm", "seed=0,1", "curvature.top_k=0", f"hydra.sweep.dir={tmp_path}/out"]
    command = [sys.executable, "-m", "experiments.alpha_map", *sweep, "scale=smoke", *SUBJECT, *places, *FAST]
    done = subprocess.run(command, cwd=root, env=slurm.environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("error: curvature.top_k: expected a positive integer, got 0")
    assert "Traceback" not in done.stderr


def test_before_the_time_limit_a_run_requeues_itself_and_goes_on(slurm, root, tmp_path):
    """The signal is sent by hand, as Slurm does two minutes before the limit."""
    places = [f"place.{name}={tmp_path}/{name}" for name in ("results", "checkpoints")]
    sweep = ["-m", "hydra/launcher=submitit_slurm", "seed=0", "variant=net", f"hydra.sweep.dir={tmp_path}/out"]
    command = [sys.executable, "-m", "experiments.alpha_map", *sweep, "scale=smoke", *SUBJECT, *places, *FAST]
    process = subprocess.Popen(command, cwd=root, env=slurm.environment)
    wait_for(checkpoint(tmp_path, "0").exists, "a checkpoint", 240)
    slurm.ask("scancel", "--signal=USR2", slurm.ask("squeue", "-h", "-o", "%i"))

    def ended() -> bool:
        slurm.begin_now()
        return process.poll() is not None

    wait_for(ended, "the end of the sweep", 240)
    output = "".join(path.read_text() for path in tmp_path.rglob("*.out"))
    assert process.returncode == 0 and "Requeued job" in output and "training goes on from step" in output
    found = json.loads((tmp_path / "results" / "alpha_map" / "net.smoke.json").read_text())
    undisturbed = smoke_record("alpha_map", tmp_path / "undisturbed", *SUBJECT, "seed=0")
    assert found["measurements"] == undisturbed["measurements"]
