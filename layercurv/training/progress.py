"""One style of progress bar: what is done, how fast, and how long it will still take."""

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _RateColumn(ProgressColumn):
    """Shows items per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("-" if speed is None else f"{speed:.3g}/s")


def progress_bar(is_shown: bool = True) -> Progress:
    """Create a progress display with count, rate and time left; on a pipe it prints its final state only.

    Args:
        is_shown: False shows nothing.

    Returns:
        A context manager; `add_task(text, total=n)` starts a bar.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
    )
    window_s = 300  # over which speed is averaged
    shown = (*columns, TextColumn("{task.fields[note]}"))
    return Progress(*shown, speed_estimate_period=window_s, disable=not is_shown)
