"""Expressions are checked before use; what could fill the memory is refused."""

import inspect
import sys

import pytest

from claimgate.checks import NotEvaluable
from claimgate.select import MAX_LENGTH, MAX_WIDTH, compiled, select
from layercurv.errors import InputError


@pytest.fixture(autouse=True)
def _nothing_remembered():
    compiled.cache_clear()


def test_what_is_selected_comes_as_a_list():
    document = {"a": [1, 2], "b": {"c": 3}, "d": 0, "e": False}
    assert select("a", document, "f") == [1, 2]
    assert select("b.c", document, "f") == [3]
    assert select("d", document, "f") == [0]
    assert select("e", document, "f") == [False]


@pytest.mark.parametrize("expression", ["nothing", "a[?@ > `5`]", "a[9]", "n"])
def test_finding_nothing_is_not_evaluable(expression):
    with pytest.raises(NotEvaluable, match=r"^file: .* finds nothing$"):
        select(expression, {"a": [1], "n": None}, "file")


@pytest.mark.parametrize("expression", ["abs(name)", "max(@)", "sum(names)", "join('', numbers)"])
def test_failing_on_this_document_is_not_evaluable(expression):
    with pytest.raises(NotEvaluable, match=r"^file: .* fails: "):
        select(expression, {"name": "x", "names": ["x"], "numbers": [1]}, "file")


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ("rows[].loss", 1),
        ("rows[*].loss", 1),
        ("rows[1:].loss", 0),
        ("rows[?kind == 'ours'].loss", 1),
        ("rows[?n > `0`].loss", 1),
        ("length(rows[].loss)", 1),
        ("named.*.loss", 1),
        ("rows[].fit.values[]", 0),
        ("rows[].fit[*].values", 0),
    ],
)
def test_a_projection_drops_no_value_that_is_absent(expression, place):
    rows = [{"kind": "ours", "n": 1, "loss": 0.5}, {"kind": "ours", "n": 2, "los": 0.7}]
    for absent in (rows[1], rows[1] | {"loss": None}):
        document = {"rows": [rows[0], absent], "named": {"a": rows[0], "b": absent}}
        with pytest.raises(NotEvaluable, match=rf"^file: .*: expected a value of each .* number {place} "):
            select(expression, document, "file")


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        ("rows[?optimzer == 'adam'].loss", "optimzer"),
        ("rows[?optimzer == 'adam']", "optimzer"),
        ("length(rows[?optimzer == 'adam'])", "optimzer"),
        ("rows[?optimzer != 'adam'].loss", "optimzer"),
        ("rows[?optimizer == 'adam' || optimzer == 'sgd'].loss", "optimzer"),
        ("rows[?optimizer == 'adam' && !diverges].loss", "diverges"),
        ("rows[?starts_with(optimzer, 'a')].loss", "optimzer"),
        ("rows[?`3` < step].loss", "step"),
        ("rows[?fit.slop > `0`].loss", "fit.slop"),
        ("rows[?fits.slope > `0`].loss", "fits.slope"),
        ("rows[?fit.all[0].slop > `0`].loss", "fit.all"),
        ("rows[?optimzer].loss", "optimzer"),
        ("rows[?length(layers[?kin == 'conv']) > `0`].loss", "kin"),
        ("[rows[?optimizer == 'adam'], rows[?optimzer == 'sgd']][].loss", "optimzer"),
        ("rows[].loss[?x == `1`]", "x"),
        ("numbers[?x == `1`]", "x"),
    ],
)
def test_a_condition_on_a_key_that_no_row_has_is_told(expression, key):
    row = {"optimizer": "adam", "steps": 4, "loss": [0.5], "fit": {"slope": 1}, "layers": [{"kind": "conv"}]}
    document = {"rows": [row, row | {"optimizer": "sgd"}], "numbers": [1, 2]}
    with pytest.raises(NotEvaluable, match=rf"^file: .*: expected .* with the key {key}, ") as told:
        select(expression, document, "file")
    assert expression in str(told.value)


@pytest.mark.parametrize(
    "expression",
    [
        "rows[?optimizer == 'adam'].loss",
        "rows[?note == null].loss",
        "rows[?failed != `true`].loss",
        "rows[?fit.slope > `0` || optimizer == 'sgd'].loss",
        "rows[?length(layers[?kind == 'conv']) > `0`].loss",
        "rows[?layers[0].kind == 'conv'].loss",
        "rows[?max_by(layers, &width).width > `0`].loss",
        "length(empty[?anything == 'a'])",
        "numbers[?@ > `1`]",
        "rows[?[optimizer] == ['adam']].loss",
    ],
)
def test_a_condition_on_a_key_that_one_row_has_is_fine(expression):
    layers = [{"kind": "conv", "width": 3}]
    one = {"optimizer": "adam", "loss": 0.5, "fit": {"slope": 1}, "layers": layers, "failed": True}
    other = {"optimizer": "sgd", "loss": 0.4, "note": None, "layers": layers}
    document = {"rows": [one, other, {"optimizer": "adam", "loss": 0.5, "layers": layers}]}
    assert select(expression, document | {"numbers": [1, 2], "empty": []}, "file")


def test_a_filter_says_what_is_left_out():
    document = {"rows": [{"loss": 0.5}, {"loss": None}, {}, {"loss": 0}], "columns": {"loss": [0.5, None, 0]}}
    assert select("rows[?loss != null].loss", document, "f") == [0.5, 0]
    assert select("columns.loss[] | [?@ != null]", document, "f") == [0.5, 0]
    assert select("columns.loss[]", document, "f") == [0.5, None, 0]  # which no reducer takes
    assert select("rows[].not_null(loss, `1`)", document, "f") == [0.5, 1, 1, 0]


@pytest.mark.parametrize("expression", ["[", "a..b", "", "a[?", "nofunction(", "a b", "'a"])
def test_what_does_not_parse_is_refused(expression):
    with pytest.raises(InputError, match="not a JMESPath expression"):
        compiled(expression)


def test_length_is_limited():
    assert compiled("a" * MAX_LENGTH)
    with pytest.raises(InputError, match=f"at most {MAX_LENGTH} characters, got {MAX_LENGTH + 1}"):
        compiled("a" * (MAX_LENGTH + 1))


def test_the_width_of_lists_multiplies_and_is_limited():
    doubling = " | ".join(["[@, @][]"] * 8)
    assert len(select(doubling, {"x": 1}, "f")) == MAX_WIDTH == 256
    with pytest.raises(InputError, match="multiply to at most 256, got 512"):
        compiled(doubling + " | [@, @][]")
    with pytest.raises(InputError, match="got 512"):
        compiled(" | ".join(["{a: @, b: @}.*"] * 9))
    with pytest.raises(InputError, match="got 1024"):
        compiled("to_string(" * 5 + "@" + ")" * 5)
    assert compiled("abs(a)") and compiled("length([a, b, c]) | abs(@)")
    with pytest.raises(InputError, match="got 4096"):
        compiled("join('x', [a]) | join(@, b) | join(@, c)")
    assert compiled("[a, b].[c, d]") and compiled("to_string(a)") and compiled("length([a, b, c])")


def test_a_document_too_deep_to_write_out_is_not_evaluable():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(NotEvaluable, match=r"to_string\(@\) fails"):
        select("to_string(@)", deep, "file")


def test_an_expression_nested_too_deeply_for_the_stack_is_refused():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        with pytest.raises(InputError, match="not a JMESPath expression"):
            compiled("[" * 199 + "a" + "]" * 199)
    finally:
        sys.setrecursionlimit(limit)
