import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from claimgate.checks import UNITS
from claimgate.published.load import load_rows
from experiments import _main, _queue
from experiments._main import CONFIGS, be_main
from experiments._network import run_network
from experiments._queue import FILE, Job, load_jobs, parse_duration, run_queue
from experiments._table import PUBLISHED
from layercurv.claims.house import project
from layercurv.errors import InputError
from layercurv.fits import prediction_interval
from layercurv.results.headlines import HEADLINES
from layercurv.results.store import RecordName
from layercurv.results.variants import without_seed


def fake_job(variant, script, network="net", seed=0):
    """A job whose command is a shell script; it gets the record's path as $1."""

    class Fake(Job):
        def command(self, results, checkpoints):
            path = self.name.path(results)
            path.parent.mkdir(parents=True, exist_ok=True)
            return ["bash", "-c", script, "bash", str(path)]

    return Fake(RecordName("alpha_map", f"{variant}_seed{seed}", "small"), (network, seed), ())


def run(tmp_path, jobs, budget_s=30.0, n_workers=2):
    return run_queue(jobs, tmp_path / "results", tmp_path / "checkpoints", budget_s, n_workers, tmp_path / "log")


def test_what_is_missing_is_run_once_and_what_is_there_is_kept(tmp_path, capsys):
    jobs = [fake_job("a", "echo x >> $1"), fake_job("b", "echo x >> $1", "other")]
    assert run(tmp_path, jobs) == 0 and run(tmp_path, jobs) == 0
    assert all(job.name.path(tmp_path / "results").read_text() == "x\n" for job in jobs)
    assert "2 records, 0 missing" in capsys.readouterr().out


def test_a_failed_run_is_counted_named_and_does_not_stop_the_others(tmp_path, capsys):
    jobs = [fake_job("a", "echo error: no data; exit 2"), fake_job("b", "touch $1", "other")]
    assert run(tmp_path, jobs) == 1
    out = capsys.readouterr().out
    assert "alpha_map/a_seed0.small: FAILED (2)" in out and "error: no data" in out
    assert jobs[1].name.path(tmp_path / "results").exists()


def test_runs_of_one_network_never_overlap(tmp_path):
    script = "test ! -e {0} && touch {0} && sleep 0.5 && rm {0} && touch $1".format(tmp_path / "lock")
    assert run(tmp_path, [fake_job("a", script), fake_job("b", script)]) == 0


def test_the_budget_stops_what_is_under_way(tmp_path, capsys):
    started = time.monotonic()
    assert run(tmp_path, [fake_job("a", "sleep 60")], budget_s=0.5) == 0
    assert time.monotonic() - started < 10
    assert "it resumes from its checkpoint" in capsys.readouterr().out


def test_every_job_of_the_queue_is_an_experiment_with_its_own_record(root):
    for scale in ("small", "paper"):
        jobs = load_jobs(FILE, scale)
        assert len({job.name for job in jobs}) == len(jobs)
        assert {job.name.experiment for job in jobs} == {p.stem for p in (root / "experiments").glob("[a-z]*.py")}


def test_every_published_value_belongs_to_a_variant_of_the_queue():
    known = {(job.name.experiment, without_seed(job.name.variant)) for job in load_jobs(FILE, "small")}
    assert PUBLISHED.keys() <= known
    assert {experiment for experiment, _ in known} == HEADLINES.keys()


def test_every_published_value_is_one_that_the_audit_states(root):
    rows = load_rows(root / "claims" / "published.toml", project())
    stated = {round(float(text) / UNITS[row.unit], 9) for row in rows for text in row.stated}
    for variant, values in PUBLISHED.items():
        for headline, value in values.items():
            # accuracies stand in percent in the source paper
            assert {round(value, 9), round(100 * value, 9)} & stated, (variant, headline)


def test_jobs_come_in_the_order_of_the_file_all_seeds_of_one_before_the_next(tmp_path):
    head = '[[job]]\nexperiment = "alpha_map"\nvariant = "{}"\n'
    job = head + 'network = "n"\noverrides = []\nseeds = [1, 0]\nscales = ["small"]\n'
    (tmp_path / "queue.toml").write_text(job.format("b") + job.format("a"))
    found = [job.name.variant for job in load_jobs(tmp_path / "queue.toml", "small")]
    assert found == ["b_seed1", "b_seed0", "a_seed1", "a_seed0"]
    assert load_jobs(tmp_path / "queue.toml", "paper") == []


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("9m", 540), ("1.5h", 5400)])
def test_a_budget_has_a_unit(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["9", "m", "-1m", "9 m", "1d"])
def test_a_budget_without_a_unit_is_refused(text):
    with pytest.raises(InputError, match="expected a duration like 90s, 9m or 8h"):
        parse_duration(text)


def test_a_job_with_an_unknown_key_is_refused(tmp_path):
    path = tmp_path / "queue.toml"
    path.write_text('[[job]]\nexperiment = "alpha_map"\n')
    with pytest.raises(InputError, match="job 1: expected the keys"):
        load_jobs(path, "small")


def test_stopping_the_queue_stops_its_runs(tmp_path, root, python):
    script = (
        "import sys; sys.path.insert(0, '.'); import signal; "
        "from pathlib import Path; from experiments import _queue; from tests.experiments.test_queue import fake_job; "
        "told = []; signal.signal(signal.SIGTERM, lambda *_: told.append(1)); "
        f"t = Path({str(tmp_path)!r}); jobs = [fake_job('a', 'echo $$ > $1.pid; exec sleep 60')]; "
        "_queue.run_queue(jobs, t / 'r', t / 'c', 60, 1, t / 'log', lambda: bool(told)); sys.exit(len(told))"
    )
    process = subprocess.Popen([python, "-c", script], cwd=root)
    deadline = time.monotonic() + 60
    while not (pids := list(tmp_path.rglob("*.pid"))) or not pids[0].read_text().strip():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0].read_text()), 0)


def test_an_unknown_experiment_lists_those_there_are(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["queue", "small", "--only", "magic"])
    assert _queue.main() == 2
    assert "no job of magic; there are: alpha_map" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["smoke"], "queue.toml has no job at scale smoke; there are jobs at: paper, small"),
        (["small", "device=cuda"], "settings: expected none without --launcher slurm, got device=cuda"),
        (["small", "--workers", "0"], "workers: expected at least 1, got 0"),
        (["small", "--file", "missing.toml"], "missing.toml: cannot be read (No such file or directory)"),
        (["small", "--file", "broken.toml"], "broken.toml: Invalid value"),
        (["small", "--file", "odd.toml"], "odd.toml: expected a list of tables [[job]]"),
    ],
)
def test_what_the_queue_cannot_do_is_one_error(monkeypatch, tmp_path, capsys, given, told):
    (tmp_path / "broken.toml").write_text("x = [")
    (tmp_path / "odd.toml").write_text("job = 3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["queue", *given, "--budget", "0s"])
    assert _queue.main() == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")


def ending(monkeypatch, capsys, error: Exception) -> tuple[int, str]:
    """How a sweep ends whose launcher raises an error."""

    def launch() -> None:
        raise error

    monkeypatch.setattr(_main, "leave_when_told", lambda: None)  # the signals stay pytest's
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr(_main.hydra, "main", lambda **_: lambda _: launch)
    with pytest.raises(SystemExit) as end:
        be_main("alpha_map", lambda cfg: None)
    return end.value.code, capsys.readouterr().err


def test_a_machine_without_slurm_is_one_error(monkeypatch, capsys):
    raised = RuntimeError('Could not detect "srun", are you indeed on a slurm cluster?')  # submitit 1.5's
    code, told = ending(monkeypatch, capsys, raised)
    assert code == 2 and told.startswith("error: no Slurm on this machine") and "hydra/launcher=joblib" in told


def test_what_slurm_refuses_is_told_as_such(monkeypatch, capsys):
    core = types.ModuleType("submitit.core.utils")
    core.UncompletedJobError = type("UncompletedJobError", (RuntimeError,), {})
    monkeypatch.setitem(sys.modules, "submitit.core.utils", core)
    refused = core.UncompletedJobError("sbatch: error: invalid partition specified: nope")
    refused.__cause__ = subprocess.CalledProcessError(1, "sbatch")
    code, told = ending(monkeypatch, capsys, refused)
    assert code == 2
    assert told == "error: Slurm did not take the runs (sbatch: error: invalid partition specified: nope)\n"
    code, told = ending(monkeypatch, capsys, core.UncompletedJobError("Job 3 died"))
    assert code == 1 and "a run ended without an answer" in told


def test_a_prediction_interval_covers_one_more_seed_as_often_as_it_says():
    import numpy as np

    draws = np.random.default_rng(0).standard_normal((4000, 4))
    inside = [low <= row[3] <= high for row in draws for low, high in [prediction_interval(list(row[:3]))]]
    assert np.mean(inside) == pytest.approx(0.95, abs=3 * (0.95 * 0.05 / 4000) ** 0.5)
    assert prediction_interval([1.0]) is None


def sent(monkeypatch, tmp_path, *words):
    """The command that `--launcher slurm` starts, or None."""
    commands = []
    monkeypatch.setattr(
        "subprocess.run", lambda command, **_: commands.append(command) or subprocess.CompletedProcess(command, 0)
    )
    places = [f"--results={tmp_path}/results", f"--checkpoints={tmp_path}/checkpoints"]
    monkeypatch.setattr("sys.argv", ["queue", "small", "--launcher", "slurm", *places, *words])
    assert _queue.main() == 0
    return commands[0] if commands else None


def test_a_cluster_gets_one_element_for_each_network_and_seed_that_lacks_a_record(monkeypatch, tmp_path):
    there = RecordName("rank_profile", "resnet50_tiny_imagenet_seed0", "small").path(tmp_path / "results")
    there.parent.mkdir(parents=True)
    there.touch()
    command = sent(monkeypatch, tmp_path, "--only=rank_profile", "hydra.launcher.partition=gpu")
    networks = next(word for word in command if word.startswith("network=")).removeprefix("network=").split(",")
    waiting = [job for job in load_jobs(FILE, "small") if job.name.experiment == "rank_profile"][1:]
    assert networks == list(dict.fromkeys(job.label for job in waiting))
    assert command[-1] == "hydra.launcher.partition=gpu" and "hydra/launcher=submitit_slurm" in command
    assert "wanted.experiments=[rank_profile]" in command


def test_what_is_sent_composes_for_every_network(monkeypatch, tmp_path):
    command = sent(monkeypatch, tmp_path)
    settings = command[command.index("-m", 2) + 2 :]
    networks = next(word for word in settings if word.startswith("network="))
    rest = [word for word in settings if word != networks]
    for network in networks.removeprefix("network=").split(",")[::20]:
        with initialize_config_dir(CONFIGS, version_base="1.3"):
            cfg = compose("queue", [*rest, f"network={network}"])
        jobs = _queue.wanted_jobs(Path(cfg.file), cfg.wanted.scale, set(cfg.wanted.experiments))
        assert any(job.label == cfg.network for job in jobs)


def test_an_unknown_network_lists_those_there_are(tmp_path):
    settings = ["network=magic_seed0", f"file={FILE}", f"place.results={tmp_path}"]
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        cfg = compose("queue", settings)
    with pytest.raises(InputError, match="no network 'magic_seed0' at scale small; there are: "):
        run_network(cfg)


def test_a_run_that_is_killed_is_named_with_its_signal(tmp_path, capsys):
    assert run(tmp_path, [fake_job("a", "kill -9 $$")]) == 1
    assert "FAILED (killed by SIGKILL)" in capsys.readouterr().out
