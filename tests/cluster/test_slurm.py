"""A sweep on a real Slurm: jobs and nodes are killed in the middle, and every record is as if nothing had been.

`make cluster` runs it. What is killed is chosen by what has been saved, never by the clock.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments._queue import load_jobs
from tests.cluster.slurm import Slurm, missing, wait_for
from tests.experiments.smoke import smoke_record

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

EXPERIMENTS = ("alpha_map", "full_spectrum", "participation_ratio", "weight_tail")
SUBJECT = ["subject=mlp_cifar10", "training.epochs=25", "training.checkpoint_s=0.2", "curvature.checkpoint_s=0"]
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
        saved = {path.name for path in (self.folder / "checkpoints").glob("trained-*.pt")}
        for node in nodes:
            for pid in self.slurm.processes_with(f"SLURMD_NODENAME={node}"):
                if saved and "experiments.alpha_map" in command_of(pid) and self.is_under_way(pid):
                    return node
        return None

    def is_under_way(self, pid: int) -> bool:
        seed = command_of(pid).partition("seed=")[2].split("\0")[0]
        log = self.folder / "log" / f"alpha_map-mlp_seed{seed}.smoke.log"
        return "kernels:" in log.read_text() and not self.record("alpha_map", seed).exists()

    def record(self, experiment: str, seed: int | str) -> Path:
        return self.folder / "results" / experiment / f"mlp_seed{seed}.smoke.json"

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.rglob("*.log")))


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
        # The power of one node goes while it trains; its job waits for another.
        lost = sweep.training_on(first, *slurm.nodes)
        slurm.lose_node(lost)
        others = [node for node in slurm.nodes if node != lost]
        # A second one is drained: what runs there may end, nothing new begins; and a job that matters more preempts it.
        drained = sweep.training_on(first, *others)
        slurm.ask("sbatch", "-p", "high", "-w", drained, "-o", "/dev/null", "--wrap", "sleep 1")
        wait_for(lambda: "high" in slurm.ask("sacct", "-n", "-X", "-s", "CD", "-o", "partition%10"), "preemption", 120)
        slurm.ask("scontrol", "update", f"nodename={drained}", "state=drain", "reason=test")
        # On the third, the process of a run is killed for good, and its job with it.
        last = next(node for node in others if node != drained)
        sweep.training_on(first, last)
        for pid in slurm.processes_with(f"SLURMD_NODENAME={last}"):
            if "submitit.core._submit" in command_of(pid) or "experiments." in command_of(pid):
                subprocess.run(["kill", "-9", str(pid)], check=False)
        # The nodes come back.
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
    resumed = [line for line in steps if "from step 200 of 200" not in line]
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
    command = [sys.executable, "-m", "experiments.alpha_map", "scale=smoke", *SUBJECT, *places, *sweep, *FAST]
    done = subprocess.run(command, cwd=root, env=slurm.environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("error: curvature.top_k: expected a positive integer, got 0")
    assert "Traceback" not in done.stderr
