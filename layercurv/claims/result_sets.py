"""Two results folders, headline by headline: is the second what one more run of the first would give?"""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from claimgate.report.summary import printable
from layercurv.errors import InputError
from layercurv.fits import holm, seeds_p_value
from layercurv.results.headlines import headlines
from layercurv.results.variants import records_by_variant

LEVEL = 0.05  # of the whole family of headlines, after Holm's correction


@dataclass(frozen=True)
class Compared:
    """One headline in both folders."""

    variant: str  # experiment/variant.scale
    headline: str
    before: tuple[float, ...]  # one per seed
    after: tuple[float, ...]
    adjusted_p: float | None  # None: it cannot be judged; `problem` says why
    problem: str

    @property
    def verdict(self) -> str:
        """One of ok, DIFFERS, MISSING."""
        if self.adjusted_p is None:
            return "MISSING"
        return "DIFFERS" if self.adjusted_p <= LEVEL else "ok"


@dataclass(frozen=True)
class Comparison:
    """All headlines."""

    compared: list[Compared]

    @property
    def exit_code(self) -> int:
        """0 if all agree; 1 on a significant difference; 3 if some headline cannot be judged, or there is none."""
        verdicts = {entry.verdict for entry in self.compared} or {"MISSING"}
        return 3 if "MISSING" in verdicts else 1 if "DIFFERS" in verdicts else 0

    def text(self) -> str:
        """Show every headline.

        Returns:
            A table, and the sum in the last line.
        """
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for name in ("variant", "headline", "before", "after", "adjusted p", "verdict"):
            table.add_column(name, overflow="fold")
        for entry in self.compared:
            p = entry.problem if entry.adjusted_p is None else f"{entry.adjusted_p:.2g}"
            cells = (entry.variant, entry.headline, _mean(entry.before), _mean(entry.after), p, entry.verdict)
            table.add_row(*(Text(printable(cell)) for cell in cells))
        console = Console(width=160, highlight=False)
        with console.capture() as captured:
            console.print(table)
        verdicts = [entry.verdict for entry in self.compared]
        counts = ", ".join(f"{verdicts.count(name)} {name}" for name in ("ok", "DIFFERS", "MISSING"))
        return f"{captured.get()}headlines: {counts}; exit {self.exit_code}\n"


def compare_result_sets(before: Path, after: Path, partial: bool = False) -> Comparison:
    """Compare all headlines of two results folders.

    Args:
        before: Results folder A; its seeds say what one more would give.
        after: Results folder B.
        partial: B may hold a part of A's variants; only what it holds is judged.

    Returns:
        The comparison.

    Raises:
        InputError: If a folder does not exist or a record in it cannot be read.
    """
    a, b = _headlines_of(before), _headlines_of(after)
    names = sorted(b if partial else a.keys() | b.keys())
    found = [(name, a.get(name, ()), b.get(name, ())) for name in names]
    p_values = [seeds_p_value(old, new) if old and new else None for _, old, new in found]
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return Comparison(
        [
            Compared(*name, old, new, None if p is None else next(adjusted), _problem(old, new) if p is None else "")
            for (name, old, new), p in zip(found, p_values, strict=True)
        ]
    )


def _headlines_of(folder: Path) -> dict[tuple[str, str], tuple[float, ...]]:
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: expected a results folder, found none")
    found: dict[tuple[str, str], tuple[float, ...]] = {}
    for (experiment, variant, scale), records in records_by_variant(folder).items():
        for record in records:
            for name, value in _headlines(record, f"{experiment}/{variant}.{scale}").items():
                key = (f"{experiment}/{variant}.{scale}", name)
                found[key] = (*found.get(key, ()), value)
    return found


def _headlines(record: dict, where: str) -> dict[str, float]:
    try:
        return headlines(record)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where}: expected a record that meets its schema; its headlines fail: {error!r}") from error


def _problem(before: tuple[float, ...], after: tuple[float, ...]) -> str:
    if not before or not after:
        return f"only in {'B' if after else 'A'}"
    return "A has one seed only, and B is not equal to it"


def _mean(values: tuple[float, ...]) -> str:
    return f"{fmean(values):.6g} ({len(values)})" if values else ""
