import pytest

from claimgate.command import main
from claimgate.init import init
from tests.claimgate.paper import Paper


def _paper(kind, tmp_path, monkeypatch):
    folder = tmp_path / "paper of ours"
    init(folder, kind)
    monkeypatch.chdir(folder)
    assert main(["check", "-q"]) == 0
    return Paper(folder)


@pytest.fixture
def paper(tmp_path, monkeypatch):
    """A small paper in Markdown, as `init` writes it, and the working directory."""
    return _paper("markdown", tmp_path, monkeypatch)


@pytest.fixture
def latex_paper(tmp_path, monkeypatch):
    return _paper("latex", tmp_path, monkeypatch)


@pytest.fixture
def typst_paper(tmp_path, monkeypatch):
    return _paper("typst", tmp_path, monkeypatch)
