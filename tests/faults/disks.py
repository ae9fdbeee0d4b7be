"""Disks that are full, over quota or read-only, at every write and for real (a small tmpfs)."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import torch

from tests.faults.scene import Scene, Scenes
from tests.faults.trial import Trial

# Every call by which the atomic writer touches the disk: module, name.
WRITES = ((tempfile, "mkstemp"), (torch, "save"), (Path, "write_text"), (os, "fsync"), (os, "replace"), (os, "link"))
ERRORS = (errno.ENOSPC, errno.EDQUOT)
TMPFS_KIB = (4, 64, 72, 80, 96, 128)


def faults_of_disks(scenes: Scenes) -> Iterator[Trial]:
    """All of them."""
    yield from refused_writes(scenes)
    if os.geteuid() == 0:
        yield from small_disks(scenes)
        yield from read_only_folders(scenes)


def refused_writes(scenes: Scenes) -> Iterator[Trial]:
    """Refuse every write of a run in turn."""
    for number, error in enumerate(cycle(ERRORS), start=1):
        scene = scenes.new()
        ending = scene.run(refusing(scene.task, number, error))
        if ending.code == 0:
            return  # there are no more
        yield judged(scene, f"write refused, {errno.errorcode[error]}", ending)


def refusing(task: Callable, at: int, error: int) -> Callable:
    """Make a task whose n-th write below its folder fails, after half of what it writes."""

    def disturbed() -> object:
        count = 0

        def wrapped(original: Callable) -> Callable:
            def call(*arguments, **options):
                nonlocal count
                count += 1
                if count != at:
                    return original(*arguments, **options)
                if original.__name__ == "write_text":
                    original(arguments[0], arguments[1][: len(arguments[1]) // 2], **options)
                if original.__name__ == "save":
                    raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534")
                raise OSError(error, os.strerror(error))

            return call

        for module, name in WRITES:
            setattr(module, name, wrapped(getattr(module, name)))
        return task()

    return disturbed


def small_disks(scenes: Scenes) -> Iterator[Trial]:
    """Run on a disk too small for it; the same command finishes once there is room."""
    for size in TMPFS_KIB:
        scene = scenes.new()
        scene.checkpoints.mkdir()
        with tmpfs(scene.checkpoints, f"size={size}k"):
            ending = scene.run()
            mount("remount,size=16m", scene.checkpoints)
            if ending.code != 0:
                yield judged(scene, "disk full (tmpfs)", ending)


def read_only_folders(scenes: Scenes) -> Iterator[Trial]:
    """A folder that cannot be written to is told before the work."""
    for name in ("results/alpha_map", "checkpoints"):
        scene = scenes.new()
        folder = scene.folder / name
        kept = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
        folder.mkdir(exist_ok=True)
        with tmpfs(folder, "size=16m"):
            for file, content in kept.items():
                (folder / file).write_bytes(content)
            mount("remount,ro", folder)
            ending = scene.run()
            late = ["it was told after the work"] if "training" in ending.output else []
            mount("remount,rw", folder)
            trial = judged(scene, "read-only folder", ending)
            yield Trial(trial.kind, late + trial.lost, trial.message)


def judged(scene: Scene, kind: str, ending) -> Trial:
    """The run must have ended with one error that names the file; then the same command finishes."""
    told = ending.code == 2 and "cannot be written" in ending.message and "Traceback" not in ending.output
    lost = [] if told else [f"ended with {ending.code}: {ending.message}"]
    return Trial(kind, lost + scene.lost() + scene.lost_after_rerun(), ending.message)


@contextmanager
def tmpfs(folder: Path, options: str) -> Generator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def mount(options: str, folder: Path) -> None:
    subprocess.run(["mount", "-o", options, folder], check=True)
