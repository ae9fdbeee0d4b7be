"""Nothing that could change a figure lets it be left alone."""

import json
import os
import shutil
import sys

import pytest

from layercurv.figures import ledger, registry
from layercurv.figures.ledger import Drawing, code_digest, digests

NAME = "scalar_preconditioner_accuracy"


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Two records, a figure drawn from them, code and an installed package: all of it small."""
    for folder, name in (("results", "a.json"), ("results", "b.json"), ("code", "draw.py"), ("site", "")):
        (tmp_path / folder).mkdir(exist_ok=True)
        if name:
            (tmp_path / folder / name).write_text(f"{name}: as it was")
    package = tmp_path / "site" / "matplotlib-3.11.2.dist-info"
    package.mkdir()
    (package / "RECORD").write_text("matplotlib/axes.py,sha256=abc,99\n")
    monkeypatch.setattr(ledger, "PACKAGE", tmp_path / "code")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    monkeypatch.setattr(registry, "_draw", _draw)
    assert drawn(tmp_path) == [f"{NAME}.pdf", f"{NAME}.png"]
    return tmp_path


def _draw(name, results, folder):
    before = digests(results, ["a.json", "b.json"])
    files = [folder / f"{name}.{ending}" for ending in ("pdf", "png")]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_text((results / "a.json").read_text())
    return Drawing(name, before, files)


def drawn(house) -> list[str]:
    written = registry.generate([NAME], house / "results", house / "figures", house / "build" / "drawn.json")
    return [path.name for path in written]


def test_a_figure_is_left_alone_while_everything_is_as_it_was(house):
    assert drawn(house) == []
    for path in house.rglob("*"):
        os.utime(path, (0, 0))
    assert drawn(house) == []


def _edit(path):
    def change(house, monkeypatch):
        stat = (house / path).stat()
        (house / path).write_text("something else")
        os.utime(house / path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**18))  # an older date than before

    return change


def _delete(path):
    return lambda house, monkeypatch: (house / path).unlink()


def _update_matplotlib(house, monkeypatch):
    (house / "site" / "matplotlib-3.11.2.dist-info").rename(house / "site" / "matplotlib-3.11.3.dist-info")


CHANGES = {
    "an edited record": _edit("results/b.json"),
    "a deleted picture": _delete(f"figures/{NAME}.png"),
    "an edited picture": _edit(f"figures/{NAME}.pdf"),
    "an edited module": _edit("code/draw.py"),
    "a deleted module": _delete("code/draw.py"),
    "a new module": lambda house, monkeypatch: (house / "code" / "new.py").write_text(""),
    "another version of matplotlib": _update_matplotlib,
    "another build of the same version": _edit("site/matplotlib-3.11.2.dist-info/RECORD"),
    "another Python": lambda house, monkeypatch: monkeypatch.setattr(sys, "version", "4.0"),
    "another machine": lambda house, monkeypatch: monkeypatch.setattr("platform.node", lambda: "elsewhere"),
    "another kernel": lambda house, monkeypatch: monkeypatch.setenv("OPENBLAS_CORETYPE", "Barcelona"),
    "a deleted ledger": _delete("build/drawn.json"),
    "a broken ledger": _edit("build/drawn.json"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_draws_it_again_and_once(house, monkeypatch, change):
    CHANGES[change](house, monkeypatch)
    assert drawn(house) == [f"{NAME}.pdf", f"{NAME}.png"]
    assert drawn(house) == []


def test_a_record_that_is_gone_is_no_reason_to_leave_a_figure_alone(house):
    (house / "results" / "b.json").unlink()
    assert not ledger.Ledger(house / "build" / "drawn.json").knows(NAME, house / "results", house / "figures")


def test_a_record_changed_while_it_is_drawn_is_found_changed(house, monkeypatch):
    def draw_and_change(name, results, folder):
        drawing = _draw(name, results, folder)
        (results / "a.json").write_text("changed after it was read")
        return drawing

    (house / "results" / "a.json").write_text("new")
    monkeypatch.setattr(registry, "_draw", draw_and_change)
    assert drawn(house)
    assert drawn(house)


def test_code_changed_while_it_is_drawn_is_found_changed(house, monkeypatch):
    def draw_and_change(name, results, folder):
        (house / "code" / "draw.py").write_text("changed after it was imported")
        return _draw(name, results, folder)

    (house / "code" / "draw.py").write_text("new")
    monkeypatch.setattr(registry, "_draw", draw_and_change)
    assert drawn(house)
    assert drawn(house)


def test_without_a_ledger_all_is_drawn(house):
    for _ in range(2):
        assert registry.generate([NAME], house / "results", house / "figures")


def test_the_figures_drawn_here_read_what_the_ledger_holds(root, tmp_path):
    file = tmp_path / "drawn.json"
    registry.generate([NAME], root / "results", tmp_path, file)
    entry = json.loads(file.read_text())[NAME]
    module = sys.modules[registry.FIGURES[NAME]]
    assert entry["records"] == digests(root / "results", module.RECORDS)
    assert entry["files"] == digests(tmp_path, [f"{NAME}.pdf", f"{NAME}.png"])
    assert entry["code"] == code_digest()


def test_the_real_code_and_packages_are_hashed(monkeypatch, tmp_path):
    copy = tmp_path / "layercurv"
    shutil.copytree(ledger.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = code_digest()
    monkeypatch.setattr(ledger, "PACKAGE", copy)
    assert code_digest() == before
    with (copy / "figures" / "style.py").open("a") as file:
        file.write("# a comment\n")
    assert code_digest() != before
    names = {name for origin in ledger._origins() for name in origin[:1]}
    assert any(str(name).startswith("matplotlib-") for name in names)
    assert any(str(name).startswith("numpy-") for name in names)
