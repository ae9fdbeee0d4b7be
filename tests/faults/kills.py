"""Kill points spread over training, measuring, freezing (writing the record), sealing and drawing."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import matplotlib as mpl

from layercurv.errors import InputError
from layercurv.figures.registry import FIGURES, generate
from layercurv.results.manifest import NAME, freeze, read_manifest
from tests.faults.child import Ending, forked
from tests.faults.events import OURS, Events, chosen_points
from tests.faults.scene import COMMITTED, ROOT, Scenes, left_behind
from tests.faults.trial import Trial

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
FIGURE = "alpha_map_slopes"
MATPLOTLIB = f"{Path(mpl.__file__).parent}/"


def killed_runs(scenes: Scenes, count: int) -> Iterator[Trial]:
    """Kill a run in training, measuring and freezing; the same command then ends as if nothing had been."""
    scene = scenes.new()
    seen = observed(scene.task, scene.folder)
    for phase in ("training", "measuring", "freezing"):
        for point, number in zip(chosen_points(seen, phase, count), cycle(SIGNALS), strict=False):
            scene = scenes.new()
            ending = scene.run(at_point(scene.task, scene.folder, point, number))
            lost = unsaid(ending, number) + scene.lost()
            yield Trial(f"{phase}, {number.name}", lost + scene.lost_after_rerun(), message(ending))
            shutil.rmtree(scene.folder)


def killed_sealing(folder: Path, count: int) -> Iterator[Trial]:
    """Kill the renewal of SHA256SUMS: it is the old seal or the new one, and the same command makes the new one."""
    records = [
        path.relative_to(ROOT / "results")
        for path in sorted((ROOT / "results/alpha_map").glob("*_cifar10_seed?.small.json"))
    ]

    def prepare(name: str) -> Path:
        results = folder / name
        (results / "alpha_map").mkdir(parents=True)
        shutil.copy(ROOT / "results" / COMMITTED, results / COMMITTED)
        freeze(results)
        for record in records:
            shutil.copy(ROOT / "results" / record, results / record)
        return results

    results = prepare("sealed")
    old = seal_of(results)
    seen = observed(lambda: freeze(results), results)
    new = seal_of(results)
    for point, number in zip(chosen_points(seen, "preparing", count), cycle(SIGNALS), strict=False):
        results = prepare(f"sealing{point}")
        ending = forked(at_point(lambda r=results: print(freeze(r)), results, point, number), folder / "output.txt")
        lost = [] if seal_of(results) in (old, new) else [f"{NAME} is neither the old one nor the new one"]
        again = forked(lambda r=results: print(freeze(r)), folder / "output.txt")
        lost += [] if again.code == 0 and seal_of(results) == new else [f"not sealed again: {again.message}"]
        lost += left_behind(results)
        yield Trial(f"sealing, {number.name}", lost, message(ending))


def seal_of(results: Path) -> dict[str, str] | None:
    try:
        return read_manifest(results)
    except InputError:
        return None


def killed_drawing(folder: Path, count: int) -> Iterator[Trial]:
    """Kill the drawing of a figure: PDF and PNG are whole or not there, and the same command makes the same bytes."""

    def draw(out: Path) -> Callable[[], None]:
        return lambda: print(generate([FIGURE], ROOT / "results", out))

    out = folder / "drawn"
    folder.mkdir()
    seen = observed(draw(out), out, (*OURS, MATPLOTLIB))
    expected = {path.name: path.read_bytes() for path in out.iterdir()}
    assert FIGURE in FIGURES and len(expected) == 2
    for point, number in zip(chosen_points(seen, "preparing", count), cycle(SIGNALS), strict=False):
        out = folder / f"drawing{point}"
        ending = forked(at_point(draw(out), out, point, number, (*OURS, MATPLOTLIB)), folder / "output.txt")
        there = [path for path in out.iterdir() if path.suffix != ".part"] if out.exists() else []
        lost = [f"{path.name} is half a figure" for path in there if path.read_bytes() != expected[path.name]]
        again = forked(draw(out), folder / "output.txt")
        found = {path.name: path.read_bytes() for path in out.iterdir()}
        lost += [] if found == expected and again.code == 0 else [f"not drawn again: {again.message}"]
        yield Trial(f"drawing, {number.name}", lost, message(ending))


def observed(task: Callable, folder: Path, packages: tuple[str, ...] = OURS) -> list[tuple[str, bool]]:
    """Run a task undisturbed; return its events."""
    kept = folder.parent / "events.json"
    events = Events(folder, packages=packages)

    def watched() -> None:
        events.watch()
        task()
        kept.write_text(json.dumps(events.seen))

    ending = forked(watched, folder.parent / "output.txt")
    assert ending.code == 0, ending.output
    return json.loads(kept.read_text())


def at_point(task: Callable, folder: Path, point: int, number: int, packages: tuple[str, ...] = OURS) -> Callable:
    """Make a task that gets a signal at one of its events."""

    def disturbed() -> object:
        Events(folder, point, lambda: os.kill(os.getpid(), number), packages).watch()
        return task()

    return disturbed


def unsaid(ending: Ending, number: signal.Signals) -> list[str]:
    """Complain of an end that does not say what happened."""
    if ending.code == 0 or (number is signal.SIGKILL and ending.code == -number):
        return []
    said = f"stopped by {number.name}" in ending.output and ending.code == 128 + number
    return [] if said else [f"{number.name} ended it with {ending.code}: {ending.message}"]


def message(ending: Ending) -> str:
    return ending.message if ending.code >= 0 else f"(killed by {signal.Signals(-ending.code).name})"
