"""Experiments over two and three processes give the record of one; what cannot be split says so."""

import json
import math
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from omegaconf import OmegaConf

from experiments import _processes
from experiments._curvature import draw_batches
from experiments._main import be_main
from layercurv.errors import InputError
from layercurv.results import schema
from tests.experiments.smoke import smoke_record

SETTINGS = ("subject=mlp_cifar10", "curvature.dtype=float64", "curvature.micro_batch=8")
EXPERIMENTS = ("alpha_map", "alpha_triangle", "conv_gap", "kronecker_spectrum", "rank_profile", "training_dynamics")


def as_one_of(rank: int, size: int, folder: str, port: int) -> None:
    """Be started as torchrun starts a process; run every experiment, the first one twice."""
    torch.set_num_threads(1)
    places = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ |= {key: str(value) for key, value in places.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "test"}
    _processes.world.cache_clear()  # this is a fork of a process that was alone
    for experiment in EXPERIMENTS:
        smoke_record(experiment, Path(folder), *SETTINGS, variant=f"of{size}")
    smoke_record(EXPERIMENTS[0], Path(folder), *SETTINGS, variant=f"of{size}again")
    _processes.leave_others()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    return folder, {experiment: smoke_record(experiment, folder, *SETTINGS) for experiment in EXPERIMENTS}


def record(folder, experiment, variant):
    return json.loads((folder / "results" / experiment / f"{variant}.smoke.json").read_text())


# kronecker_spectrum draws predictions from its eigenvalues; one that is zero to rounding makes it another draw.
DRAWN = {"kinds", "agreement"}


def differences(one, other, null=(), where=""):
    """Where two parts of a record differ: in lists each number but for zeros, elsewhere relative to no less than 1."""
    if isinstance(one, dict):
        null = one.get("is_null", null)
        assert one.keys() == other.keys(), where
        parts = [(one[key], other[key], null, f"{where}.{key}") for key in one if key not in DRAWN]
        return [found for part in parts for found in differences(*part)]
    if isinstance(one, list) and one and isinstance(one[0], float):
        usable = [k for k in range(len(one)) if not (len(null) == len(one) and null[k])]
        zero = 1e-15 * max(map(abs, one))
        close = {k: math.isclose(one[k], other[k], rel_tol=1e-12, abs_tol=zero) for k in usable}
        return [f"{where}[{k}]: {one[k]} {other[k]}" for k in usable if not close[k]]
    if isinstance(one, list):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for k, pair in pairs for found in differences(*pair, null, f"{where}[{k}]")]
    if isinstance(one, float):
        is_close = math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
        return [] if is_close else [f"{where}: {one} {other}"]
    return [] if one == other else [f"{where}: {one} {other}"]


@pytest.mark.parametrize("size", [2, 3])
def test_records_are_those_of_one_process(alone, size):
    folder, expected = alone
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    port = store.port
    del store
    mp.start_processes(as_one_of, (size, str(folder), port), nprocs=size, start_method="fork")
    for experiment in EXPERIMENTS:
        found = record(folder, experiment, f"of{size}")
        assert not differences(expected[experiment]["measurements"], found["measurements"]), experiment
        processes = found["provenance"]["processes"]
        assert processes["world_size"] == size and processes["backend"] == "gloo"
        assert [place["local_rank"] for place in processes["ranks"]] == list(range(size))
        assert found["provenance"]["config"] == expected[experiment]["provenance"]["config"]
    first, again = (record(folder, EXPERIMENTS[0], f"of{size}{name}")["measurements"] for name in ("", "again"))
    assert first == again  # the same bits


def test_a_record_of_one_process_alone_says_nothing_of_processes(alone):
    assert "processes" not in alone[1]["alpha_map"]["provenance"]
    assert "processes" not in alone[1]["alpha_map"]["provenance"]["config"]["training"]


@pytest.mark.parametrize("n_processes", [1, 0])
def test_a_record_of_processes_must_name_at_least_two(alone, n_processes):
    broken = json.loads(json.dumps(alone[1]["alpha_map"]))
    broken["provenance"]["processes"] = {"world_size": n_processes, "backend": "gloo", "ranks": []}
    assert schema.violations(broken, "alpha_map")


@pytest.fixture
def second_of_two(monkeypatch):
    store = dist.HashStore()
    monkeypatch.setattr(_processes, "_store", lambda: store)
    monkeypatch.setattr(_processes, "_SAME_ERROR_S", 0.2)
    place = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "GROUP_RANK": "0"}
    store_of_torchrun = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    for key, value in {"TORCHELASTIC_RUN_ID": "test", **place, **store_of_torchrun}.items():
        monkeypatch.setenv(key, value)
    return monkeypatch


@pytest.mark.parametrize(("name", "value"), [("RANK", None), ("WORLD_SIZE", "abc"), ("MASTER_ADDR", None)])
def test_half_an_environment_of_torchrun_is_one_error(second_of_two, capsys, name, value):
    if value is None:
        second_of_two.delenv(name)
    else:
        second_of_two.setenv(name, value)
    with pytest.raises(SystemExit) as ending:
        be_main("alpha_map", lambda cfg: pytest.fail("it ran"), processes=True)
    assert ending.value.code == 2
    assert f"got {name}={value or '(unset)'}; start it with torchrun" in capsys.readouterr().err


def test_processes_that_cannot_meet_are_one_error(second_of_two):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        second_of_two.setenv("MASTER_PORT", str(taken.getsockname()[1]))
        second_of_two.setenv("TORCHELASTIC_USE_AGENT_STORE", "False")  # the first process itself holds the store
        _processes.world.cache_clear()
        with pytest.raises(InputError, match=f"cannot meet at 127.0.0.1:{taken.getsockname()[1]}"):
            _processes.world(torch.device("cpu"))


def test_fewer_micro_batches_than_processes_are_told_before_anything_is_trained():
    settings = {
        "top_k": 1,
        "micro_batch": 8,
        "check_samples": 1,
        "check_directions": 1,
        "engine": "auto",
        "n_samples": 16,
    }
    cfg = OmegaConf.create({"seed": 0, "curvature": settings | {"dtype": "float32"}})
    run = SimpleNamespace(cfg=cfg, exchange=SimpleNamespace(size=3))
    data = SimpleNamespace(measurement_batches=lambda *_: [(torch.zeros(8, 2), torch.zeros(8))] * 2)
    with pytest.raises(InputError, match="each of 3 processes, got 2 of at most 8 samples"):
        draw_batches(run, data)


def test_an_experiment_that_cannot_be_split_says_so_once(second_of_two, capsys):
    for rank in (0, 1):
        second_of_two.setenv("RANK", str(rank))
        with capsys.disabled() if rank else pytest.MonkeyPatch.context(), pytest.raises(SystemExit) as ending:
            be_main("sampling_noise", lambda cfg: pytest.fail("it ran"))
        assert ending.value.code == 2
    assert capsys.readouterr().err.count("error: sampling_noise: expected one process, got 2") == 1


def test_what_another_process_alone_has_to_say_is_said_with_its_number(second_of_two, capsys):
    second_of_two.setenv("RANK", "1")
    _processes.tell("error: no room")
    assert capsys.readouterr().err == "process 1: error: no room\n"


SLOW = ("scale=smoke", *SETTINGS, "training.processes=2", "training.checkpoint_s=0", "data.n_train=2048", "variant=net")


def command(python, folder):
    places = [f"place.{name}={folder}/{name}" for name in ("results", "checkpoints")]
    torchrun = [python, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    return [*torchrun, "-m", "experiments.alpha_map", *SLOW, *places, f"hydra.run.dir={folder}/out"]


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
def test_a_killed_process_ends_the_others_and_the_same_command_ends_as_if_nothing_had_been(tmp_path, root, python):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = subprocess.run(command(python, whole), cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote ") == 1
    process = subprocess.Popen(command(python, killed), cwd=root, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not list(killed.glob("checkpoints/trained-????????????????.pt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(children(process.pid)[1], signal.SIGKILL)
    _, error = process.communicate(timeout=300)
    # Either the other one notices first, or torchrun, which ends it.
    assert process.returncode != 0
    assert "a process of the group is gone" in error or "stopped by SIGTERM" in error, error
    assert not list(killed.rglob("*.json"))
    again = subprocess.run(command(python, killed), cwd=root, capture_output=True, text=True)
    assert again.returncode == 0 and "training goes on from step" in again.stdout, again.stderr
    first, second = (record(folder, "alpha_map", "net") for folder in (whole, killed))
    assert first["measurements"] == second["measurements"]
    assert first["provenance"]["config"]["training"]["processes"] == 2
