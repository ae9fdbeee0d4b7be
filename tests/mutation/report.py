"""Killed and survived, per file."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Mutants of one kind in one file."""

    killed: int = 0
    neutral: int = 0  # change no claim's truth, by the reference; need not change the exit code
    survivors: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.killed + len(self.survivors)


class Report:
    """All mutants."""

    def __init__(self):
        self.tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
        self.unjudged: list[str] = []  # claims and rows that the reference does not know how to judge

    def add(self, kind: str, file: str, mutant: str, exit_code: int, matters: bool = True) -> None:
        tally = self.tallies[kind, file]
        if exit_code != 0 and matters:
            tally.killed += 1
        elif matters:
            tally.survivors.append(mutant)
        else:
            tally.neutral += 1

    def merge(self, other: "Report") -> None:
        """Add what another process found of other files."""
        self.tallies.update(other.tallies)

    @property
    def summary(self) -> str:
        killed, total = (sum(getattr(t, name) for t in self.tallies.values()) for name in ("killed", "total"))
        left_out = f"; {len(self.unjudged)} claims and rows not judged" if self.unjudged else ""
        return f"killed {killed} of {total} mutants{left_out}"

    def text(self) -> str:
        width = max(len(file) for _, file in self.tallies)
        lines = [f"{'kind':<12} {'file':<{width}} {'killed':>7} {'of':>7} {'neutral':>8}"]
        for (kind, file), tally in sorted(self.tallies.items()):
            lines.append(f"{kind:<12} {file:<{width}} {tally.killed:>7} {tally.total:>7} {tally.neutral:>8}")
            lines += [f"  SURVIVED {mutant}" for mutant in tally.survivors[:20]]
        lines += [f"  NOT JUDGED by the reference: {name}" for name in self.unjudged]
        return "\n".join([*lines, self.summary])

    @property
    def exit_code(self) -> int:
        """0 only if there were mutants of every kind that was run, none survived, and all claims were judged."""
        kinds = {kind for kind, _ in self.tallies}
        ran = all(sum(t.total for (k, _), t in self.tallies.items() if k == kind) for kind in kinds)
        return (
            0
            if kinds and ran and not self.unjudged and not any(tally.survivors for tally in self.tallies.values())
            else 1
        )
