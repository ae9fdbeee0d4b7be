"""A word inserted beside a claim changes what it says: it fails until accepted, and the reviewer is shown it."""

import subprocess

import pytest

from claimgate.command import main

CLAIMS = {
    "paper": ("paper/paper.md", "{{claim accuracy.ours}}"),
    "typst_paper": ("paper/main.typ", '#claim("accuracy.ours")'),
    "latex_paper": ("paper/paper.tex", r"\claim{accuracy.ours}"),
}
BEFORE = ["less than", "more than", "never", "not", "up to", "almost", "at most", "about", "below", "an unconfirmed"]
AFTER = ["at most", "or less", "at best", "in no case", "fewer", "below the baseline"]


def git(folder, *words: str) -> None:
    person = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(folder), *person, *words], check=True, capture_output=True)


@pytest.mark.parametrize("kind", CLAIMS)
@pytest.mark.parametrize(
    ("words", "text"), [*((word, f"{word} {{}}") for word in BEFORE), *((word, f"{{}} {word}") for word in AFTER)]
)
def test_words_beside_a_claim_fail_until_accepted_and_are_shown(request, capsys, kind, words, text):
    paper = request.getfixturevalue(kind)
    name, claim = CLAIMS[kind]
    git(paper.folder, "init", "-q", "-b", "main")
    git(paper.folder, "add", "-A")
    git(paper.folder, "commit", "-qm", "base")
    paper.change(name, claim, text.format(claim))
    assert main(["check", "-q"]) == 1
    capsys.readouterr()
    assert main(["sentences"]) == 1
    new = [line for line in capsys.readouterr().out.splitlines() if line.startswith("+ ")]
    assert any(text.format(claim) in line for line in new), new
    assert main(["sentences", "--accept"]) == 0 and main(["check", "-q"]) == 0
    capsys.readouterr()
    assert main(["diff", "--base", "main"]) == 1, "accepted, and not reviewed"
    assert words in " ".join(capsys.readouterr().out.split())
