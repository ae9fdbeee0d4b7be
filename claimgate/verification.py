"""What came out of checking: all verdicts, and the exit code. Reports need this and nothing of the gate."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from claimgate.claim import EXIT_CODES, Claim, Verdict

if TYPE_CHECKING:
    from claimgate.published.row import Row


@dataclass
class Verification:
    """Everything that was checked, by kind: "files", "claims" and so on, in the order of checking."""

    groups: dict[str, list[Verdict]] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)  # by id, those that were judged
    rows: dict[str, "Row"] = field(default_factory=dict)  # likewise of the audit

    @property
    def verdicts(self) -> list[Verdict]:
        """All verdicts."""
        return [verdict for group in self.groups.values() for verdict in group]

    @property
    def exit_code(self) -> int:
        """0 if all passed; 2 something malformed, else 3 something not evaluable, else 1 a mismatch."""
        found = {verdict.status for verdict in self.verdicts}
        return next((code for status, code in EXIT_CODES.items() if status in found), 0)
