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


def progress_bar() -> Progress:
    """Create a progress display with count, rate and time left; on a pipe it prints its final state only.

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
    return Progress(*columns, TextColumn("{task.fields[note]}"), speed_estimate_period=300)  # seconds averaged over
