"""How LaTeX is run, with programs that note what they were asked in the place of the real ones."""

import stat

import pytest

from claimgate.errors import InputError
from claimgate.papers import latex

# Writes down its name, arguments and three settings; then does what a LaTeX does that has nothing to complain of.
PROGRAM = """#!/bin/sh
name=${0##*/}
printf '%s\\n' "$name $*" >> "$LOG"
printf '%s\\n' "$openout_any $SOURCE_DATE_EPOCH $max_print_line" >> "$LOG.settings"
for file in "$@"; do :; done
stem=${file%.tex}
"""
COMPILES = '/bin/cat "$file" > "$BUILD/latex/$stem.pdf"\nprintf \'%s\' "$AUX" > "$BUILD/latex/$stem.aux"\n'
MARKED = r"\def\claimgatemarks{}\input{paper.tex}" + "\n"


class Installed:
    """A paper and a folder of programs, the only ones that are found."""

    def __init__(self, folder, monkeypatch):
        self.paper, self.build, self.programs, self.log = (folder / n for n in ("paper", "build", "bin", "log"))
        self.paper.mkdir()
        self.programs.mkdir()
        (self.paper / "paper.tex").write_text("the paper\n")
        settings = {"PATH": self.programs, "LOG": self.log, "BUILD": self.build, "AUX": "nothing"}
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))

    def install(self, *names, does=COMPILES):
        for name in names:
            path = self.programs / name
            path.write_text(PROGRAM + does)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def compile(self) -> list[str]:
        latex.compile_latex(self.paper / "paper.tex", self.build)
        return self.log.read_text().splitlines()

    def assert_left_as_it_was(self):
        assert [path.name for path in self.paper.iterdir()] == ["paper.tex"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    return Installed(tmp_path, monkeypatch)


def calls(build, once: str, times: int = 1) -> list[str]:
    files = ("paper.tex", "claimgate-marked.tex")
    return [f"{once.format(work=build / 'latex')} {file}" for file in files for _ in range(times)]


ENGINES = {
    "latexmk": ("latexmk -pdf -interaction=nonstopmode -halt-on-error -norc -outdir={work}", 1),
    "tectonic": ("tectonic --untrusted --outdir {work}", 1),
    "pdflatex": ("pdflatex -interaction=nonstopmode -halt-on-error -no-shell-escape -output-directory={work}", 3),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_paper_and_its_marked_copy_are_compiled_without_a_shell(installed, engine):
    installed.install(engine)
    assert installed.compile() == calls(installed.build, *ENGINES[engine])
    assert (installed.build / "paper.pdf").read_text() == "the paper\n"
    assert (installed.build / "marked.pdf").read_text() == MARKED
    installed.assert_left_as_it_was()
    settings = set(installed.log.with_name("log.settings").read_text().splitlines())
    assert settings == {"a 1767225600 1000"}, "one date, so that the same source gives the same bytes"


@pytest.mark.parametrize("engines", [("latexmk", "tectonic", "pdflatex"), ("tectonic", "pdflatex")])
def test_what_knows_how_often_to_run_comes_first(installed, engines):
    installed.install(*engines)
    assert {call.partition(" ")[0] for call in installed.compile()} == {engines[0]}


def test_a_bibliography_is_made_between_two_runs(installed, monkeypatch):
    monkeypatch.setenv("AUX", r"\bibdata{works}")
    installed.install("pdflatex")
    installed.install("bibtex", does="")
    names = [call.partition(" ")[0] for call in installed.compile()]
    assert names == ["pdflatex", "bibtex", "pdflatex", "pdflatex"] * 2
    assert f"bibtex {installed.build / 'latex' / 'paper'}" in installed.log.read_text().splitlines()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_does_not_compile_is_told_in_its_own_words(installed, engine):
    says = "printf 'fine so far\\n! Undefined control sequence.\\n'; printf 'Error: line 7\\n' >&2; exit 1\n"
    installed.install(engine, does=says)
    with pytest.raises(InputError) as error:
        installed.compile()
    expected = f"paper.tex: does not compile; {engine} says: '! Undefined control sequence.; Error: line 7'; see "
    assert str(error.value) == f"{expected}{installed.build / 'latex'}"
    installed.assert_left_as_it_was()


def test_a_failure_without_a_reason_shows_the_end_of_what_was_said(installed):
    installed.install("tectonic", does="printf '%0400d' 0; printf 'the end'; exit 3\n")
    with pytest.raises(InputError, match=r"tectonic says: '0{293}the end'; see "):
        installed.compile()


def test_an_old_pdf_is_not_taken_for_a_new_one(installed):
    installed.install("latexmk")
    installed.compile()
    installed.install("latexmk", does="")
    with pytest.raises(InputError, match=r"paper\.tex: expected a PDF from latexmk, got none; see .*latex$"):
        installed.compile()


def test_one_that_never_ends_is_stopped(installed, monkeypatch):
    monkeypatch.setattr(latex, "_LIMIT", 0.2)
    installed.install("latexmk", does="exec /bin/sleep 60\n")
    with pytest.raises(InputError, match=r"paper\.tex: latexmk did not finish in 0\.2 s; see .*latex$"):
        installed.compile()
    installed.assert_left_as_it_was()


def test_one_that_cannot_be_started_is_told(installed):
    installed.install("latexmk")
    (installed.programs / "latexmk").write_text("#!/nowhere/at/all\n")
    with pytest.raises(InputError, match=r"paper\.tex: latexmk cannot be run: .*No such file"):
        installed.compile()


def test_without_any_it_is_said_which_are_known(installed):
    with pytest.raises(latex.CannotCompile, match=r"found none of latexmk, tectonic and pdflatex\. Get one of them"):
        installed.compile()
