"""Counts what a run does, function call by function call and file by file, and does something at one of these points.

Nothing of it is in the product: an audit hook and a profiler, set in a child that was forked for it, see all.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
OURS = tuple(f"{ROOT}/{package}/" for package in ("claimgate", "layercurv", "experiments"))
FILE_EVENTS = {"open", "os.rename", "os.link", "os.remove", "os.chmod", "os.mkdir", "os.listdir", "os.scandir"}
# File and function whose call or return begins a phase.
PHASES = {
    ("loop.py", "run", "call"): "training",
    ("loop.py", "run", "return"): "measuring",
    ("store.py", "write_record", "call"): "freezing",
    ("store.py", "write_record", "return"): "ending",
}


@dataclass
class Events:
    """Everything that happens in this process from `watch` on."""

    folder: Path  # file events count below it
    at: int = -1  # at this event, counted from 1, ...
    act: Callable[[], object] = int  # ... this is called, once
    packages: tuple[str, ...] = OURS
    phase: str = "preparing"
    seen: list[tuple[str, bool]] = field(default_factory=list)  # phase, and whether it is a file event

    def watch(self) -> None:
        """Begin."""
        sys.addaudithook(self._audit)
        sys.setprofile(self._profile)

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        name = frame.f_code.co_filename
        if event in ("call", "return") and name.startswith(self.packages):
            self.phase = PHASES.get((name.rpartition("/")[2], frame.f_code.co_name, event), self.phase)
            if event == "call":
                self._happen(False)

    def _audit(self, event: str, arguments: tuple) -> None:
        if event in FILE_EVENTS and str(arguments[0]).startswith(str(self.folder)):
            self._happen(True)

    def _happen(self, is_file: bool) -> None:
        self.seen.append((self.phase, is_file))
        if len(self.seen) == self.at:
            sys.setprofile(None)
            self.act()


def spread(points: Iterable[int], count: int) -> list[int]:
    """Choose some of many, evenly from first to last."""
    points = list(points)
    if len(points) <= count:
        return points
    return [points[round(i * (len(points) - 1) / max(1, count - 1))] for i in range(count)]


def chosen_points(seen: list[tuple[str, bool]], phase: str, count: int) -> list[int]:
    """Choose points of a phase: half of them where a file is touched, half anywhere."""
    files = spread((i for i, (name, is_file) in enumerate(seen, 1) if name == phase and is_file), count // 2)
    calls = spread(
        (i for i, (name, is_file) in enumerate(seen, 1) if name == phase and not is_file), count - len(files)
    )
    return sorted({*files, *calls})
