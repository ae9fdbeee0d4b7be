"""Build the site: run the tutorials, write tables from the records, call Sphinx. No network. `make docs`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS, SOURCE, SITE = ROOT / "docs", ROOT / "build" / "docs-source", ROOT / "build" / "docs"
NAMES = {"source_protocol": "source paper's protocol", "shared_graph": "one shared graph"}


def main() -> int:
    """Build everything anew.

    Returns:
        Sphinx's exit code; its warnings are errors.
    """
    for folder in (SOURCE, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, SOURCE, ignore=shutil.ignore_patterns("__pycache__", "build.py"))
    (SOURCE / "generated").mkdir()
    for script in sorted((DOCS / "tutorials").glob("*.py")):
        picture = SOURCE / "generated" / f"{script.stem}.png"
        subprocess.run([sys.executable, str(script), str(picture)], check=True, cwd=ROOT, env=environment())
    write_cost(ROOT / "results" / "bench" / "curvature.json", SOURCE)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(SOURCE), str(SITE)]
    code = subprocess.run(command, check=False, cwd=ROOT).returncode
    print(f"{'wrote' if code == 0 else 'failed:'} {SITE / 'index.html'}")
    return code


def environment() -> dict[str, str]:
    """Let scripts import the package of this checkout.

    Returns:
        The environment of a tutorial.
    """
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}


def write_cost(record: Path, folder: Path) -> None:
    """Write the tables of the page on cost.

    Args:
        record: What `make bench` kept.
        folder: The source folder; its page `cost.md` includes them.
    """
    measured = json.loads(record.read_text(encoding="utf-8"))["measurements"]
    networks = measured["networks"]
    ways = list(dict.fromkeys(way for network in networks for way in network["rivals"]))
    rows = [["network", "layercurv", *(NAMES.get(way, way.replace("_", " ")) for way in ways)]]
    for network in networks:
        found = [network["rivals"].get(way) for way in ways]
        times = [f"{way['seconds']:.0f}\u00a0s, {way['ratio']:.0f}\u00a0×" if way else "–" for way in found]
        rows.append([network["description"], f"{network['ours']['seconds']:.1f}\u00a0s", *times])
    (folder / "generated" / "cost.md").write_text(_table(rows), encoding="utf-8")
    memory = [["network", "alpha map / training step"]]
    for network in networks:
        peaks = network["peak_bytes"]
        memory.append([network["description"], f"{peaks['alpha_map'] / peaks['training_step']:.1f}"])
    (folder / "generated" / "memory.md").write_text(_table(memory), encoding="utf-8")
    page = folder / "cost.md"
    page.write_text(page.read_text(encoding="utf-8").replace("{{ top_k }}", str(measured["top_k"])), encoding="utf-8")


def _table(rows: list[list[str]]) -> str:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "| " + " | ".join("---" for _ in rows[0]) + " |", *body]) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
