"""What an expression says or builds itself is no measurement, and what float64 does not hold no number."""

import pytest

from claimgate.bulk_schema import is_finite
from claimgate.checks import NotEvaluable
from claimgate.errors import InputError
from claimgate.measured import require_measured
from claimgate.record_formats import parse_record
from claimgate.select import select


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


@pytest.mark.parametrize(
    "expression",
    [
        "[loss, seed, `2.5`]",
        "length([[seed, loss]][0])",
        "[seed, loss] | length(@)",
        "length(min_by([[seed, loss]], &[0]))",
        "length(max_by([[seed, loss]], &[0]))",
    ],
)
def test_nor_what_it_builds_within_what_it_builds(expression):
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
        "length(max_by(rows, &loss).steps)",
        "length(min_by(rows, &loss).steps)",
        "map(&((!is_null && `1`) || `0`), rows)",
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
    with pytest.raises(NotEvaluable, match=r"holds: (rows, columns|columns, rows) are how its format is laid out"):
        select(expression, parse_record(b"x,y\n1,2\n", "a.csv"), "a.csv")
