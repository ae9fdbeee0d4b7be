import pytest

from claimgate.command import main
from claimgate.init import init
from tests.claimgate.paper import Paper


@pytest.fixture
def paper(tmp_path, monkeypatch):
    """A small paper in Markdown, as `init` writes it, and the working directory."""
    folder = tmp_path / "paper of ours"
    init(folder, "markdown")
    monkeypatch.chdir(folder)
    assert main(["check", "-q"]) == 0
    return Paper(folder)
