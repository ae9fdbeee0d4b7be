"""(g) Whole attacks on a copy of the checkout, each through the commands as a CI calls them, nothing accepted anew."""

import contextlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from layercurv.claims.command import main
from layercurv.results.manifest import freeze
from tests.mutation.report import Report

FOLDERS = ("claims", "results", "paper", "figures", "build", "docs")
FILES = (
    *("README.md", "EXPERIMENTS.md", "layercurv/page/page.html", "layercurv/page/page.css", "layercurv/page/page.js"),
    "claimgate/papers/claimgate.typ",
)
RECORD = "results/alpha_map/resnet18_cifar10_seed0.small.json"


def attack_checkout(root: Path, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="odd päth ") as folder:
        house = Path(folder) / "hüs"
        for name in FOLDERS:
            shutil.copytree(root / name, house / name)
        for name in (*FILES, *(str(path.relative_to(root)) for path in (root / "layercurv/figures").glob("*.py"))):
            (house / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, house / name)
        assert _codes(house) == (0, 0), "expected a copy that passes before anything is changed"
        for kind, (name, change) in ATTACKS.items():
            kept = {
                path: path.read_bytes() for path in (house / name, house / "results" / "SHA256SUMS") if path.is_file()
            }
            change(house, house / name)
            report.add("checkout", name, kind, max(_codes(house)))
            for path in {house / name} - kept.keys():
                path.unlink()
            for path, content in kept.items():
                path.write_bytes(content)


def _codes(house: Path) -> tuple[int, int]:
    paths = ["--claims", f"{house}/claims", "--documents", str(house)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        verified = main([*paths, "--results", f"{house}/results", "-q"])
        pdfs = ["--paper", f"{house}/paper/layercurv.pdf", "--marked", f"{house}/build/marked.pdf"]
        return verified, main(["coverage", *paths, *pdfs])


def _text(old: str, new: str) -> Callable[[Path, Path], None]:
    def change(_: Path, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text, (path, old)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def _pattern(old: str, new: str) -> Callable[[Path, Path], None]:
    # where what stands there is measured anew from time to time
    def change(_: Path, path: Path) -> None:
        text, n_changed = re.subn(old, new, path.read_text(encoding="utf-8"), count=1)
        assert n_changed, (path, old)
        path.write_text(text, encoding="utf-8")

    return change


def _resealed(change: Callable[[dict], None]) -> Callable[[Path, Path], None]:
    def forge(house: Path, path: Path) -> None:
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))
        freeze(house / "results")

    return forge


def _with_number(text: str) -> Callable[[Path, Path], None]:
    def forge(house: Path, path: Path) -> None:
        content = path.read_text().replace('"training": ', f'"training": {text}, "was": ', 1)
        path.write_text(content)
        freeze(house / "results")

    return forge


ATTACKS = {
    "a ratio of speeds with a nine before it": ("README.md", _pattern(r"(?<=takes )(?=\d+ times)", "9")),
    "README turned round": ("README.md", _text("Sampling noise", "Nothing but signal")),
    "EXPERIMENTS changed": ("EXPERIMENTS.md", _text("peak rate 0.1", "peak rate 0.3")),
    "report's text": ("layercurv/page/page.html", _text("measured exactly", "estimated")),
    "report's script": ("layercurv/page/page.js", lambda _, path: path.write_bytes(path.read_bytes() + b"//")),
    "figure": ("figures/alpha_map_depth.png", lambda _, path: path.write_bytes(path.read_bytes() + b"x")),
    "figure's caption in the report": ("layercurv/figures/alpha_map_depth.py", _text('"""', '"""Not: ')),
    "a number of the guide": ("docs/gate.md", _text("five", "5")),
    "what prints claims": ("claimgate/papers/claimgate.typ", _text("grouped(text)", "[7]")),
    "paper of another build": ("paper/layercurv.pdf", lambda _, path: path.write_bytes(path.read_bytes() + b"\n%")),
    "not a constant": ("paper/sections/results.typ", _text("no constant near two", "a constant near two")),
    "section imports rules": (
        "paper/sections/results.typ",
        _text("= The evidence", '#show "two": "one"\n= The evidence'),
    ),
    "bibliography": ("paper/references.bib", _text("title = {", "title = {Refuted: ")),
    "new source": ("paper/sections/more.typ", lambda _, path: path.write_text("#let a = 1")),
    "claim's sentence": ("claims/alpha_map.toml", _text("the median exponent", "the largest exponent")),
    "audit's reason": ("claims/published.toml", _text("The mean is 2.42", "The mean is not 2.42")),
    "claims file deleted, floor lowered": ("claims/weight_tail.toml", lambda _, path: path.unlink()),
    "all numerals exempt": ("claims/numerals.toml", _text('"ResNet-18"', '"#"')),
    "a name more": ("claims/numerals.toml", _text("at_most = 120", "at_most = 0")),
    "unsealed record": (
        "results/alpha_map/other_seed0.small.json",
        lambda house, path: shutil.copy(house / RECORD, path),
    ),
    "dirty, sealed again": (RECORD, _resealed(lambda record: record["provenance"]["code"].update(dirty=True))),
    "seed, sealed again": (RECORD, _resealed(lambda record: record["provenance"].update(seed=5))),
    "year 1999, sealed again": (
        RECORD,
        _resealed(lambda record: record["provenance"].update(finished_utc="1999-01-01T00:00:00+00:00")),
    ),
    "NaN, sealed again": (RECORD, _with_number("NaN")),
    "1e400, sealed again": (RECORD, _with_number("1e400")),
    "schema, sealed again": (RECORD, _resealed(lambda record: record["measurements"].pop("mean_loss"))),
    "accepted sentences gone": ("claims/locked/paper.txt", lambda _, path: path.unlink()),
    "accepted sentences emptied": ("claims/locked/documents.txt", lambda _, path: path.write_text("")),
}
