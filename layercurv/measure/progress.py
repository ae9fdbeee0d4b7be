"""How far a long measurement is: a bar where tqdm is installed and somebody watches, else lines of `logging`."""

import logging
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

LOGGER = logging.getLogger("layercurv")
SECONDS_BETWEEN_LINES = 10.0

T = TypeVar("T")


@contextmanager
def progress(what: str, unit: str, total: int, done: int = 0, bar: bool = True) -> Generator[Callable[[int], None]]:
    """Show one stage of a measurement.

    Args:
        what: The stage, such as "curvature".
        unit: What is counted, such as "micro-batches".
        total: How many there are.
        done: How many an interrupted run has finished already.
        bar: False writes to the log only.

    Yields:
        A function to be called with the number of units finished.
    """
    if bar and sys.stderr.isatty() and (tqdm := _tqdm()):
        with tqdm(total=total, initial=done, desc=what, unit=f" {unit}", leave=False) as shown:
            yield lambda n: shown.update(n - shown.n)
    else:
        yield _lines(what, unit, total)


class Counted(Iterable[T]):
    """Items that tell a progress display each time one was used up."""

    def __init__(self, items: Iterable[T], advance: Callable[[int], None]):
        """Wrap items.

        Args:
            items: The items.
            advance: What `progress` yielded.
        """
        self._items, self._advance = items, advance

    def __iter__(self) -> Iterator[T]:
        """Go through the items.

        Yields:
            The items.
        """
        for index, item in enumerate(self._items):
            yield item
            self._advance(index + 1)


def _tqdm() -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def _lines(what: str, unit: str, total: int) -> Callable[[int], None]:
    started = said = time.perf_counter()

    def advance(n: int) -> None:
        nonlocal said
        now = time.perf_counter()
        if n == total or now - said >= SECONDS_BETWEEN_LINES:
            LOGGER.info("%s: %d of %d %s, %.0f s", what, n, total, unit, now - started)
            said = now

    return advance
