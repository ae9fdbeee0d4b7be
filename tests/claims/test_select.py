"""Expressions are checked before use; what could fill the memory is refused."""

import inspect
import sys

import pytest

from claimgate.bulk_schema import is_finite
from claimgate.checks import NotEvaluable
from claimgate.measured import require_measured
from claimgate.record_formats import parse_record
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


@pytest.mark.parametrize(
    "expression",
    [
        "`2.5`",
        "`1`",
        "loss && `2.5`",
        "to_number('2.5')",
        "sum([loss, `0.5`])",
        "not_null(los, `2`)",
        "loss[?@ > `1`] || `3`",
    ],
)
def test_a_claim_finds_nothing_that_its_expression_says_itself(expression):
    with pytest.raises(InputError, match=r"^select (puts|asks)"):
        require_measured(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "@",
        "rows[?kind == 'ours' && n > `5`].loss",
        "rows[?contains(name, 'fc')] | [?@ != null].loss[]",
        "map(&((@ > `2` && `1`) || `0`), losses)",
        "length(losses[?@ < `0.5`])",
    ],
)
def test_literals_stand_in_conditions_and_tell_whether_they_hold(expression):
    require_measured(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "length([@, @])",
        "length([seed, loss])",
        "length(rows.[a, b, c])",
        "length([seed, loss][])",
        "length([seed, loss] | [?@ != null])",
        "length([a, b].{x: c})",
        "length({a: @, b: @})",
        "length(keys({a: seed, b: loss}))",
        "length(merge(a, b))",
        "length(to_array(@))",
        "length(map(&loss, [a, b]))",
        "length(sort([a, b]))",
        "length(rows[:3])",
        "length(rows[?loss != null] | [1:3])",
        "length(rows[].[a, b][])",
        "{a: loss, b: loss}.*",
        "[loss, loss]",
        "[loss, @.loss]",
        "[fit.loss, @ | fit.loss]",
        "[rows[0].loss, rows[-1].loss]",
        "[loss, values(fits)]",
        "sum([rows, rows][])",
        "merge(a, b).loss",
        "to_array(loss)",
        "not_null(los, loss)",
        "los || loss",
        "loss && seed",
        "los || `1`",
        "loss && `1`",
        "map(&`1`, rows)",
        "map(&loss && `1`, rows)",
        "sum(map(&(loss || `0`), rows))",
        "ceil(loss)",
        "floor(loss)",
        "to_number(join('', names))",
        "to_number(to_string(loss))",
        "length(to_string(loss))",
    ],
)
def test_a_claim_finds_nothing_that_its_expression_builds(expression):
    with pytest.raises(InputError, match=r"^select "):
        require_measured(expression)


@pytest.mark.parametrize("expression", ["[seed, loss]", "rows[:3]", "rows[].[seed, loss][]", "to_array(loss)"])
def test_what_an_expression_builds_is_not_counted_by_its_claim_either(expression):
    with pytest.raises(InputError, match=r"^select "):
        require_measured(expression, is_counted=True)


@pytest.mark.parametrize(
    "expression",
    [
        "length(rows)",
        "length(rows[].loss)",
        "length(rows[?loss < `0.5`])",
        "length(values(files))",
        "length(rows.[a, b, c] | [?verdict == 'wrong'])",
        "length([measured][?is_converged])",
        "layers[].length([winner][?@ == 'log_normal'])",
        "rows[].{a: fit.slope, q: ends} | [length([?q[0].low <= a]), length([?q[1].low <= a])]",
        "[avg(rows[].loss), avg(rows[].accuracy)]",
        "map(&((@ > `2` && `1`) || `0`), [layers[-1].slope])",
        "[fit.loss, loss]",
        "max(values(alphas))",
        "{layers: layers[?kind == 'conv']}",
        "rows[?contains(['a', 'b'], name) && length([name, kind]) == `2`].loss",
        "max_by(rows, &loss).epoch",
    ],
)
def test_what_a_record_lists_is_counted_and_its_places_are_named(expression):
    require_measured(expression)


HUGE = 10**400


@pytest.mark.parametrize("function", ["sum", "avg", "max", "min", "sort"])
@pytest.mark.parametrize("numbers", [[HUGE, -HUGE], [HUGE, -HUGE, 1.5], [1.5, HUGE], [float("nan"), 1.0], [1e308 * 10]])
def test_no_function_takes_what_is_no_finite_number(function, numbers):
    with pytest.raises(NotEvaluable, match=r"^file: .*of finite numbers, found"):
        select(f"{function}(numbers)", {"numbers": numbers}, "file")
    assert not is_finite({"a": {"numbers": numbers}}) and not is_finite(numbers)


def test_a_number_that_float64_does_not_hold_is_told_wherever_it_stands():
    assert not any(map(is_finite, (HUGE, [HUGE], [[HUGE], [-HUGE]], {"a": HUGE}, [1, "a", HUGE], [HUGE, None, -HUGE])))
    assert all(map(is_finite, (2**70, [1, "a", None, True, 0.5], {}, [[], {}], "NaN")))


@pytest.mark.parametrize("expression", ["length(name)", "length(rows[0].name)", "reverse(name)"])
def test_letters_are_not_counted(expression):
    with pytest.raises(NotEvaluable, match="found the text"):
        select(expression, {"name": "resnet18", "rows": [{"name": "a"}]}, "file")


@pytest.mark.parametrize(
    "expression", ["map(&((los < `1` && `1`) || `0`), rows)", "map(&((kin == 'a' && `1`) || `0`), rows)"]
)
def test_a_condition_that_is_told_asks_for_a_key_that_is_there(expression):
    with pytest.raises(NotEvaluable, match=r"key (los|kin)"):
        select(expression, {"rows": [{"loss": 0.5, "kind": "a"}]}, "file")


def test_a_comparison_that_is_told_takes_no_value_that_is_absent():
    expression = "map(&((loss < `1` && `1`) || `0`), rows)"
    assert select(expression, {"rows": [{"loss": 0.5}, {"loss": 2}]}, "file") == [1, 0]
    with pytest.raises(NotEvaluable, match="expected numbers or texts to compare"):
        select(expression, {"rows": [{"loss": 0.5}, {"loss": None}]}, "file")


@pytest.mark.parametrize("expression", ["length(@)", "length(keys(@))", "length(values(@))", "length(*)", "*[]"])
def test_how_a_format_is_laid_out_is_nothing_that_a_record_holds(expression):
    with pytest.raises(NotEvaluable, match="how its format is laid out"):
        select(expression, parse_record(b"x,y\n1,2\n", "a.csv"), "a.csv")
