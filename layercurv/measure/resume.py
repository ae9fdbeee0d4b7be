"""What an interrupted measurement has found so far: in memory, and in a file if there is one."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from layercurv.exchange import Exchange
from layercurv.training.checkpoint import load_checkpoint, save_checkpoint


class Resumable:
    """Named parts of a measurement; what is here, in all processes, need not be measured again."""

    def __init__(self, path: Path | None, fingerprint: str, device: torch.device, every_s: float, exchange: Exchange):
        """Take up what the file holds.

        Args:
            path: The file; None keeps the parts in memory only.
            fingerprint: Of network, samples and settings.
            device: Where tensors are put.
            every_s: Seconds between two saves of a part that grows.
            exchange: The processes that measure together; each has a file.

        Raises:
            InputError: If the file is damaged or belongs to another measurement.
        """
        self._path, self._fingerprint, self._every_s = path, fingerprint, every_s
        self._exchange = exchange
        saved = exchange.together(lambda: load_checkpoint(path, fingerprint, device) if path else None)
        self._parts: dict[str, Any] = saved["parts"] if saved else {}
        self._wall_before = saved["wall_s"] if saved else 0.0
        self._started = self._saved = time.perf_counter()

    @property
    def is_kept(self) -> bool:
        """Whether there is a file."""
        return self._path is not None

    @property
    def wall_s(self) -> float:
        """Seconds spent so far, those of interrupted runs among them."""
        return self._wall_before + time.perf_counter() - self._started

    def once(self, name: str, measure: Callable[[], Any]) -> Any:
        """Return a part, measured unless it is here.

        Args:
            name: Of the part.
            measure: Returns it, as tensors and plain values in dictionaries and lists.

        Returns:
            The part.
        """
        if not all(self._exchange.gathered(name in self._parts)):
            self._parts[name] = measure()
            self._save()
        return self._parts[name]

    def get(self, name: str) -> Any:
        """Return a part.

        Args:
            name: Of the part.

        Returns:
            The part; None if it is not here.
        """
        return self._parts.get(name)

    def grow(self, name: str, part: Callable[[], Any]) -> None:
        """Keep what a part has grown to, if the last save is long ago.

        Args:
            name: Of the part.
            part: Returns it.
        """
        if self._path and time.perf_counter() - self._saved >= self._every_s:
            self._parts[name] = part()
            self._save()

    def drop(self, name: str) -> None:
        """Forget a part that something else was made of.

        Args:
            name: Of the part.
        """
        self._parts.pop(name, None)

    def _save(self) -> None:
        if self._path:
            save_checkpoint(self._path, {"parts": self._parts, "wall_s": self.wall_s}, self._fingerprint)
            self._saved = time.perf_counter()
