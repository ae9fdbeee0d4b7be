"""A paper that a test changes, and what the gate says then."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from claimgate.command import main

HAS_LATEX = any(map(shutil.which, ("latexmk", "tectonic", "pdflatex")))


@dataclass(frozen=True)
class Paper:
    folder: Path

    def change(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1, (name, old)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def claim(self, record: str, select: str, stated: str, reduce: str = "mean", **more: str) -> None:
        """Put one claim of another record in the place of all others."""
        (self.folder / "claims" / "findings.toml").unlink(missing_ok=True)
        (self.folder / "claims" / "accuracy.toml").unlink(missing_ok=True)
        fields = {
            "id": "new.value",
            "sentence": "A value.",
            "place": "nowhere",
            "select": select,
            "reduce": reduce,
            "check": "equals",
            "stated": stated,
            "tolerance": "printed",
            "reason": "printed precision",
        } | more
        lines = [f'records = ["{record}"]', "[[claim]]", *(f"{key} = '''{value}'''" for key, value in fields.items())]
        self.write("claims/new.toml", "\n".join(lines) + "\n")
        floor = self.folder / "claims" / "floor.toml"
        floor.write_text("".join(f"{line.partition(' =')[0]} = 0\n" for line in floor.read_text().splitlines()[1:]))
        assert main(["seal"]) == 0

    def explained(self) -> int:
        return main(["explain", "new.value"])
