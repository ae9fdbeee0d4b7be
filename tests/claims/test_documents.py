"""Measured numbers in documents: the words are there, and each number is what is recorded."""

import pytest

from layercurv.claims.command import main
from tests.claims.house import MEDIAN, gate

TEXT = f"The median alpha is {{{MEDIAN}}} and the loss {{0.70}}, of {{2}} layers to one."
RECORD = "alpha_map/net_seed0.small.json"
OF = [
    "test.median_alpha",
    f"{RECORD} | measurements.mean_loss | same",
    f"{RECORD} | measurements.mean_loss over provenance.wall_s.measurement | same",
]
OF[2] = f"{RECORD} | provenance.wall_s.this_run over provenance.wall_s.training | same"


@pytest.fixture
def documented(house):
    def judge(readme: str, text: str = TEXT, of=OF) -> int:
        (house / "README.md").write_text(readme)
        sources = ", ".join(f'"{item}"' for item in of)
        (house / "claims" / "documents.toml").write_text(
            f'[[bound]]\ndocument = "README.md"\ntext = "{text}"\nof = [{sources}]\n'
        )
        paths = ("--claims", f"{house}/claims", "--results", f"{house}/results", "--documents", str(house))
        main(["sentences", *paths, "--accept"])
        return gate(house, "--documents", str(house), "-q")

    return judge


PLAIN = f"The median alpha is {MEDIAN} and the\nloss 0.70, of 2 layers to one.\n"


def test_numbers_are_what_is_recorded_however_lines_break(documented):
    assert documented(PLAIN) == 0


@pytest.mark.parametrize(
    ("old", "new"), [(MEDIAN, "9.999"), ("0.70", "0.71"), ("0.70", "0.69"), (" 2 ", " 3 "), ("of 2", "of fewer than 2")]
)
def test_another_number_fails_even_if_it_is_accepted(documented, old, new):
    assert documented(PLAIN.replace(old, new)) == 1
    braced = TEXT.replace(f"{{{old.strip()}}}", f"{{{new.strip()}}}")
    assert documented(PLAIN.replace(old, new), braced) == (0 if "fewer" in new and braced != TEXT else 1)


def test_words_that_stand_twice_fail(documented):
    assert documented(PLAIN + PLAIN) == 1


@pytest.mark.parametrize(
    ("of", "code"),
    [
        (OF[:2], 2),
        (["test.other", *OF[1:]], 3),
        ([OF[0], f"{RECORD} | measurements.nothing | same", OF[2]], 3),
        ([OF[0], "alpha_map/none.small.json | measurements.mean_loss | same", OF[2]], 3),
        ([OF[0], f"{RECORD} | measurements. | same", OF[2]], 2),
        ([OF[0], f"{RECORD} | measurements.mean_loss | any", OF[2]], 2),
    ],
)
def test_sources_must_be_there(documented, of, code):
    assert documented(PLAIN, of=of) == code
