"""One fault and what became of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """One fault."""

    kind: str
    lost: list[str]  # what was not as it must be; empty is well
    message: str  # what the user reads
