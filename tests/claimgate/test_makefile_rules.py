"""Of a Makefile, the rules that run the gate, and the first line of them that differs."""

from claimgate.workflows import differences, parts_of


def told(before: str, after: str) -> dict[str, str]:
    def parts(text: str) -> dict[str, str]:
        return parts_of(["Makefile"], ["Makefile"], ["all"], lambda names: dict.fromkeys(names, text.encode()))

    return dict(differences(parts(before), parts(after)))


MAKE = "all: paper.pdf\n\t@echo done\n\ttest -f x\n\n%.pdf: %.typ\n\tgate $<\n\ndone:\n\techo\n"


def test_a_rule_by_pattern_is_one_of_those_that_run_the_gate():
    assert told(MAKE, MAKE.replace("gate $<", "true")) == {"Makefile: %.pdf": "line 2: gate $< -> true"}


def test_a_word_in_a_recipe_leads_to_no_rule_but_behind_make():
    changed = MAKE.replace("done:\n\techo", "done:\n\tfalse")
    assert told(MAKE, changed) == {}
    run = [text.replace("@echo done", "$(MAKE) done") for text in (MAKE, changed)]
    assert told(*run) == {"Makefile: done": "line 2: echo -> false"}


def test_the_first_line_that_differs_is_told():
    assert told(MAKE, MAKE.replace("test -f x", "true")) == {"Makefile: all": "line 3: test -f x -> true"}
