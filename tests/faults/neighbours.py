"""Faults of others: a second writer of the same record, a worker killed for memory, a hub that hangs half-way."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from omegaconf import OmegaConf

from tests.faults.child import begin, end
from tests.faults.scene import ROOT, Scene, Scenes
from tests.faults.trial import Trial

KILLED_WORKER = """
import os, signal, sys
from pathlib import Path
import experiments.alpha_map as experiment
from experiments._runner import launch

mark = Path(sys.argv.pop())

def measure(run):
    if run.cfg.seed == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does to who takes too much memory
    return experiment.measure(run)

launch("alpha_map", measure)
"""
HUB = """
import sys
from layercurv.data.shards import open_shards
from layercurv.errors import InputError
try:
    open_shards("cifar10", None, "uoft-cs/cifar10", {"train": "train"})
except InputError as error:
    sys.exit(f"error: {error}")
"""
HUB_SETTINGS = {"HF_HUB_DOWNLOAD_TIMEOUT": "2", "HF_HUB_ETAG_TIMEOUT": "2", "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}


def faults_of_neighbours(scenes: Scenes) -> Iterator[Trial]:
    """All of them."""
    for _ in range(5):
        yield two_equal_writers(scenes.new())
    yield two_unequal_writers(scenes)
    yield killed_worker(scenes.new())
    yield hanging_hub(scenes.new())


def two_equal_writers(scene: Scene) -> Trial:
    """Give the same command twice at once: one record, and both end well."""
    outputs = [scene.folder / f"output{i}.txt" for i in range(2)]
    pids = [begin(scene.task, output) for output in outputs]
    endings = [end(pid, output) for pid, output in zip(pids, outputs, strict=True)]
    lost = [f"ended with {ending.code}: {ending.message}" for ending in endings if ending.code != 0]
    return Trial("two writers, same record", lost + scene.lost() + scene.lost_after_rerun(), endings[1].message)


def two_unequal_writers(scenes: Scenes) -> Trial:
    """Two commands that differ name the same record: the first one stays, the other is told."""
    scene = scenes.new()
    other = Scene(scene.folder, OmegaConf.merge(scene.cfg, {"curvature": {"top_k": 3}}))
    outputs = [scene.folder / f"output{i}.txt" for i in range(2)]
    pids = [begin(one.task, output) for one, output in zip((scene, other), outputs, strict=True)]
    endings = [end(pid, output) for pid, output in zip(pids, outputs, strict=True)]
    refused = [ending for ending in endings if ending.code == 2 and "overwrite=true" in ending.message]
    lost = [] if sorted(ending.code for ending in endings) == [0, 2] and refused else [str(endings)]
    unknown = Scene(scene.folder, scene.cfg)  # whose record it is depends on who was first
    return Trial("two writers, other settings", lost + unknown.lost(), refused[0].message if refused else "")


def killed_worker(scene: Scene) -> Trial:
    """Kill a worker of a joblib sweep: one error, and the same command finishes."""
    settings = ["scale=smoke", "subject=mlp_cifar10", "variant=null", "hydra/launcher=joblib", "seed=0,1"]
    places = [f"place.{name}={scene.folder}/{name}" for name in ("results", "checkpoints")]
    here = [f"hydra.sweep.dir={scene.folder}/out", "hydra.launcher.n_jobs=2"]
    command = [sys.executable, "-c", KILLED_WORKER, "-m", *settings, *places, *here, str(scene.folder / "mark")]
    first, second = (subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False) for _ in range(2))
    last = next((line for line in first.stderr.splitlines() if line.startswith("error: a run")), "")
    told = first.returncode == 1 and "error: a run ended without an answer, killed or out of memory" in first.stderr
    lost = [] if told and "Traceback" not in first.stderr else [f"{first.returncode}: {first.stderr[-2000:]}"]
    lost += [] if second.returncode == 0 else [f"the same command: {second.stderr[-2000:]}"]
    records = list((scene.results / "alpha_map").glob("*_seed?.smoke.json"))
    lost += [] if len(records) == 2 else [f"{len(records)} records"]
    return Trial("worker killed for memory", lost + scene.lost(), last)


def hanging_hub(scene: Scene) -> Trial:
    """Ask a hub that answers half and then nothing: one message, in a bounded time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_half, args=(server,), daemon=True).start()
        hub = {"HF_ENDPOINT": f"http://127.0.0.1:{server.getsockname()[1]}", "HF_HOME": str(scene.folder / "hub")}
        started, environment = time.monotonic(), os.environ | HUB_SETTINGS | hub
        process = subprocess.Popen(
            [sys.executable, "-c", HUB], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
        try:
            _, text = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            text = "no answer within 300 s"
    last = text.strip().splitlines()[-1] if text.strip() else "nothing"
    told = process.returncode == 1 and last.startswith("error: cannot fetch") and "Traceback" not in text
    seconds = f" ({time.monotonic() - started:.0f} s)"
    return Trial("hub hangs half-way", [] if told else [text[-1500:]], last + seconds)


def answer_half(server: socket.socket) -> None:
    held = []  # kept open, so that the other side waits
    while True:
        try:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        except OSError:
            return
        held.append(connection)
