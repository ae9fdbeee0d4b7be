"""A search over hyperparameters that spends the same number of trials on every contestant."""

import math
from collections.abc import Callable
from dataclasses import dataclass

Point = tuple[float, ...]


@dataclass(frozen=True)
class Search:
    """What a search tried, in order, and where it ended."""

    scores: dict[Point, float | None]  # None where training diverged
    best: Point
    is_inside: bool  # whether on every axis points were tried on both sides of the best


def search(score: Callable[[Point], float | None], start: Point, factors: tuple[float, ...], n_trials: int) -> Search:
    """Walk a logarithmic grid from one point, axis by axis, until the best lies inside; then halve the steps.

    On each axis the neighbours of the best point are tried, and while the best is at an end of its line, the next one
    beyond. A coordinate that is zero stays zero. The walk never stops early: all get the same number of trials.

    Args:
        score: Gives a point its score, the higher the better; None if training diverged.
        start: The first point.
        factors: By axis, the ratio of neighbours on the grid, above 1.
        n_trials: How many points to try.

    Returns:
        What was tried. `best` is the first of the best; if all diverged, it is the start.
    """
    scores = {start: score(start)}
    exponent = 1.0
    while len(scores) < n_trials:
        for axis, factor in enumerate(factors):
            while len(scores) < n_trials and (point := _beyond(scores, axis, factor**exponent)) is not None:
                scores[point] = score(point)
        exponent /= 2
    best = _best(scores)
    tried = [{point[axis] for point in scores} for axis in range(len(start))]
    is_inside = all(value == 0 or min(line) < value < max(line) for value, line in zip(best, tried, strict=True))
    return Search(scores, best, is_inside)


def _best(scores: dict[Point, float | None]) -> Point:
    return max(scores, key=lambda point: -math.inf if scores[point] is None else scores[point])


def _beyond(scores: dict[Point, float | None], axis: int, ratio: float) -> Point | None:
    # The next point to try on the best one's line: within this ratio of it nothing may be untried, on either side.
    best = _best(scores)
    if best[axis] == 0:
        return None
    line = {
        math.log(point[axis] / best[axis])
        for point in scores
        if point != best and point[:axis] + point[axis + 1 :] == best[:axis] + best[axis + 1 :]
    }
    for step in (-math.log(ratio), math.log(ratio)):
        if not any(0 < place / step < 1 + 1e-4 for place in line):
            value = float(f"{best[axis] * math.exp(step):.6g}")
            return (*best[:axis], value, *best[axis + 1 :])
    return None
