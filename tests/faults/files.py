"""Files that are damaged, gone, or from the future: checkpoints, shards, manifests, records."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from experiments import _runner
from experiments.training_dynamics import measure as measure_dynamics
from layercurv.data.shards import open_shards
from layercurv.errors import InputError
from layercurv.files import sha256_file
from tests.faults.child import forked
from tests.faults.events import Events, chosen_points
from tests.faults.kills import observed
from tests.faults.scene import Scene, Scenes
from tests.faults.trial import Trial


def faults_of_files(scenes: Scenes) -> Iterator[Trial]:
    """All of them."""
    yield from damaged_checkpoints(scenes)
    yield from damaged_snapshots(scenes)
    yield from damaged_shards(scenes.folder / "shards")
    yield removed_results(scenes)
    yield clock_set_back(scenes)


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(_: bytes) -> bytes:
    return b""


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = (truncated, emptied, flipped)


def damaged_checkpoints(scenes: Scenes) -> Iterator[Trial]:
    """Damage what an interrupted run has saved; it is made again, with a message."""
    for damage in DAMAGES:
        for pattern in ("trained-????????????????.pt", "sums-*.pt"):
            scene = scenes.new()
            scene.run()
            scene.record.unlink()
            for path in scene.checkpoints.glob(pattern):
                path.write_bytes(damage(path.read_bytes()))
            ending = scene.run()
            told = "damaged (truncated or altered bytes); put aside" in ending.output
            lost = ([] if told else ["the damage was not told"]) + scene.lost() + scene.lost_after_rerun()
            yield Trial(f"checkpoint {damage.__name__}", lost, line_with(ending.output, "damaged"))


def damaged_snapshots(scenes: Scenes) -> Iterator[Trial]:
    """Damage the weights of one epoch: they are trained again, by the same command given once more."""
    for damage in DAMAGES:
        scene = scenes.new("training_dynamics", measure_dynamics)
        scene.run()
        scene.record.unlink()
        (path,) = scene.checkpoints.glob("trained-*.epoch1.pt")
        path.write_bytes(damage(path.read_bytes()))
        ending = scene.run()
        told = ending.code == 2 and "the same command trains it again" in ending.output
        lost = ([] if told else [f"ended with {ending.code}: {ending.message}"]) + scene.lost()
        yield Trial(f"snapshot {damage.__name__}", lost + scene.lost_after_rerun(), ending.message)


def damaged_shards(folder: Path) -> Iterator[Trial]:
    """Damage a shard, its checksum, or the list of shards: one message, and well again once it is restored."""
    shard, manifest = folder / "tiny" / "train-0.parquet", folder / "MANIFEST.json"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(bytes(range(256)) * 8)
    entry = {"shards": [{"file": "tiny/train-0.parquet", "sha256": sha256_file(shard)}]}
    manifest.write_text(json.dumps({"datasets": {"tiny": entry}}))
    wrong = {"shards": [{"file": "tiny/train-0.parquet", "sha256": "0" * 64}]}
    faults: dict[str, Callable[[], object]] = {
        **{f"shard {damage.__name__}": lambda d=damage: shard.write_bytes(d(shard.read_bytes())) for damage in DAMAGES},
        "shard gone": shard.unlink,
        "wrong hash": lambda: manifest.write_text(json.dumps({"datasets": {"tiny": wrong}})),
        "manifest gone": manifest.unlink,
        "manifest truncated": lambda: manifest.write_bytes(truncated(manifest.read_bytes())),
    }
    before = {path: path.read_bytes() for path in (shard, manifest)}
    for kind, damage in faults.items():
        damage()
        ending = forked(
            lambda: told(lambda: open_shards("tiny", str(folder), None, {"train": "train"})), folder / "out"
        )
        for path, content in before.items():
            path.write_bytes(content)
        yield Trial(kind, [] if ending.code == 2 else [f"ended with {ending.code}: {ending.message}"], ending.message)


def told(task: Callable[[], object]) -> int:
    try:
        task()
    except InputError as error:
        print(f"error: {error}")
        return 2
    return 0


def removed_results(scenes: Scenes) -> Trial:
    """Remove the records' folder while a run measures: the run writes its record all the same."""
    point = middle_of(scenes.new(), "measuring")
    scene = scenes.new()
    kept = scene.folder / "kept"
    shutil.copytree(scene.results, kept)

    def disturbed() -> object:
        Events(scene.folder, point, lambda: shutil.rmtree(scene.results)).watch()
        return scene.task()

    ending = scene.run(disturbed)
    lost = [] if ending.code == 0 and scene.record.exists() else [f"ended with {ending.code}: {ending.message}"]
    shutil.copytree(kept, scene.results, dirs_exist_ok=True)  # what git would restore
    return Trial("records folder removed", lost + scene.lost() + scene.lost_after_rerun(), ending.message)


class YearAgo:
    """Stands for the module datetime on a machine whose clock is a year behind."""

    def __getattr__(self, name: str) -> object:
        import datetime

        if name != "datetime":
            return getattr(datetime, name)

        class Then(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return super().now(tz) - datetime.timedelta(days=365)

        return Then


def clock_set_back(scenes: Scenes) -> Trial:
    """Interrupt a run and go on with a clock that stands before all files were made."""
    point = middle_of(scenes.new(), "training")
    scene = scenes.new()

    def interrupted() -> object:
        Events(scene.folder, point, lambda: os._exit(3)).watch()
        return scene.task()

    def earlier() -> object:
        import time

        now = time.time
        time.time = lambda: now() - 365 * 86400
        _runner.datetime = YearAgo()
        return scene.task()

    scene.run(interrupted)
    ending = scene.run(earlier)
    resumed = [] if "training goes on from step" in ending.output else ["it began anew"]
    return Trial("clock set back", resumed + scene.lost() + scene.lost_after_rerun(), ending.message)


def middle_of(scene: Scene, phase: str) -> int:
    return chosen_points(observed(scene.task, scene.folder), phase, 5)[2]


def line_with(text: str, word: str) -> str:
    return next((line for line in text.splitlines() if word in line), "")
