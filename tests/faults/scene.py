"""A small run beside a committed record, and what must be true of both after anything that happened."""

import io
import itertools
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from experiments._main import CONFIGS, leave_when_told
from experiments._runner import Run, run_one
from experiments.alpha_map import measure
from layercurv.errors import InputError
from layercurv.files import sha256_file
from layercurv.results import schema
from layercurv.results.manifest import NAME, freeze, read_manifest
from layercurv.results.store import read_record
from tests.faults.child import Ending, forked

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = "alpha_map/mlp_cifar10_seed0.small.json"
SETTINGS = ("subject=mlp_cifar10", "scale=smoke", "training.checkpoint_s=0", "curvature.checkpoint_s=0")


@dataclass(frozen=True)
class Scene:
    """A folder with a sealed record, a run to be disturbed, and what the run gives if it is not."""

    folder: Path
    cfg: DictConfig
    measurements: dict | None = None  # None: not known yet
    experiment: str = "alpha_map"
    measure: Callable[[Run], dict] = measure

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def record(self) -> Path:
        return self.results / self.experiment / "net.smoke.json"

    def task(self) -> int:
        """What the experiment's command does once its settings are composed."""
        leave_when_told()
        try:
            run_one(self.experiment, self.measure, self.cfg, "net", [])
        except InputError as error:
            print(f"error: {error}")
            return 2
        return 0

    def run(self, task: Callable[[], object] | None = None) -> Ending:
        return forked(task or self.task, self.folder / "output.txt")

    def lost(self) -> list[str]:
        """What is not as it must be at any time."""
        found = []
        manifest = read_manifest(self.results)
        found += [f"{name} is not as sealed" for name in manifest if sha256_file(self.results / name) != manifest[name]]
        found += [] if list(manifest) == [COMMITTED] else [f"{NAME} changed"]
        for path in self.results.rglob("*.json"):
            try:
                bad = schema.violations(read_record(path), path.parent.name)
            except InputError as error:
                bad = [str(error)]
            found += [f"{path.name} is half a record: {bad[0]}"] if bad else []
        if self.record.exists() and self.measurements is not None:
            same = json.loads(self.record.read_text())["measurements"] == self.measurements
            found += [] if same else ["the record differs from an undisturbed one"]
        return found

    def lost_after_rerun(self) -> list[str]:
        """Give the same command again; what is still not as it must be."""
        done = self.run()
        missing = [] if self.record.exists() else ["the record is missing"]
        failed = [] if done.code == 0 else [f"the same command ended with {done.code}: {done.message}"]
        return failed + missing + self.lost() + left_behind(self.folder)


def left_behind(folder: Path) -> list[str]:
    """Temporary files that no run will ever write to again."""
    return [f"{path.name} was left behind" for path in folder.rglob(".*.part")]


class Scenes:
    """Makes scenes below one folder, each in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder, self.numbers = folder, itertools.count()
        self.measurements: dict[str, dict] = {}

    def new(self, experiment: str = "alpha_map", measure: Callable = measure, settings: tuple[str, ...] = ()) -> Scene:
        """Make a scene; what an undisturbed run gives is found out once."""
        if experiment not in self.measurements:
            self.measurements[experiment] = {}
            scene = self._make(experiment, measure, settings)
            with redirect_stdout(io.StringIO()):  # in this process, so that its forks find everything loaded
                run_one(experiment, measure, scene.cfg, "net", [])
            self.measurements[experiment] = json.loads(scene.record.read_text())["measurements"]
            shutil.rmtree(scene.folder)
        return self._make(experiment, measure, settings)

    def _make(self, experiment: str, measure: Callable, settings: tuple[str, ...]) -> Scene:
        folder = self.folder / f"{next(self.numbers)}"
        committed = folder / "results" / COMMITTED
        committed.parent.mkdir(parents=True)
        shutil.copy(ROOT / "results" / COMMITTED, committed)
        with redirect_stdout(io.StringIO()):
            freeze(folder / "results")
        places = [f"place.results={folder}/results", f"place.checkpoints={folder}/checkpoints"]
        with initialize_config_dir(CONFIGS, version_base="1.3"):
            cfg = compose(experiment, [*SETTINGS, *places, *settings])
        return Scene(folder, cfg, self.measurements[experiment] or None, experiment, measure)
