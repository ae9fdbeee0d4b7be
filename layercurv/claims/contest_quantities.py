"""What a claim may recompute from a whole record of a contest of optimisers (select `@`)."""

import math
from collections.abc import Callable
from functools import partial

ACCURACIES = (60,)  # percent


def _processor_s_to(percent: int, record: dict) -> float:
    # At the end of the first epoch that reaches it; NaN, which no claim accepts, if none does.
    history, seconds = record["measurements"]["training"]["history"], record["provenance"]["epoch_processor_s"]
    reached = (s for entry, s in zip(history, seconds, strict=True) if entry["test_accuracy"] >= percent / 100)
    return next(reached, math.nan)


CONTEST_QUANTITIES: dict[str, Callable[[dict], float]] = {
    f"processor_s_to_{percent}_percent": partial(_processor_s_to, percent) for percent in ACCURACIES
}
