"""Evaluation of JMESPath: each node of a parsed expression becomes a function, built once.

The library walks the tree anew for every element and looks up what each node is. The results are the library's; its own
functions (`length`, `max_by`, ...) are called as they are. Two things differ: a projection drops no value that is null
or absent, since a mean over the others would be a mean of something else. What is to be left out a filter says, as in
`rows[?loss != null].loss`. And a filter asks for no key that none of its elements has: misspelt, it would take none, or
all.
"""

import operator
import sys
from collections.abc import Callable
from functools import reduce

from jmespath.functions import Functions
from jmespath.visitor import _Expression

from claimgate.errors import shown

Evaluate = Callable[[object], object]
Path = tuple[str, ...]  # keys from the outside in

# Of these, what follows the first child is applied to what that finds.
_FIRST_FROM_ELEMENT = (
    "subexpression",
    "index_expression",
    "pipe",
    "projection",
    "value_projection",
    "filter_projection",
    "flatten",
)

FUNCTIONS = Functions()
_GUARDED = ("length", "reverse", "keys", "values", "sum", "avg", "min", "max", "sort", "abs", "floor", "ceil")
_in_condition = False  # while the condition of a filter is built
ORDER = {"lt": operator.lt, "gt": operator.gt, "lte": operator.le, "gte": operator.ge}


class Laid(dict):
    """A document that the gate lays out, as the rows and columns of a CSV file: no record holds these keys."""


class ValueAbsent(ValueError):  # ruff: ignore[error-suffix-on-exception-name] - a reason, not an error of the program
    """An element has no value, or none has the key of a condition; the message says which."""


def evaluator(node: dict) -> Evaluate:
    """Build the function of a parsed expression.

    Args:
        node: As in `jmespath.compile(...).parsed`.

    Returns:
        Document to what the expression finds in it.
    """
    return BUILDERS[node["type"]](node)


def _children(node: dict) -> list[Evaluate]:
    return [evaluator(child) for child in node["children"]]


def _is_true(value: object) -> bool:
    return bool(value) or (type(value) is not bool and isinstance(value, int | float))  # zero is true


def _field(node: dict) -> Evaluate:
    name = node["value"]
    return lambda value: value.get(name) if isinstance(value, dict) else None


def _chain(node: dict) -> Evaluate:
    steps = _children(node)
    if len(steps) == 2:
        first, second = steps
        return lambda value: second(first(value))
    return lambda value: reduce(lambda found, step: step(found), steps, value)


def _comparator(node: dict) -> Evaluate:
    left, right = _children(node)
    if node["value"] == "eq":
        return lambda value: _equal(left(value), right(value))
    if node["value"] == "ne":
        return lambda value: not _equal(left(value), right(value))
    compare, sides = ORDER[node["value"]], " and ".join(".".join(_path(side)) or "a value" for side in node["children"])

    def evaluate(value: object) -> bool | None:
        one, other = left(value), right(value)
        return compare(one, other) if _is_ordered(one) and _is_ordered(other) else None

    def require(value: object) -> bool:
        if (found := evaluate(value)) is None:
            raise ValueAbsent(f"expected numbers or texts to compare, found {sides} of another kind, or absent")
        return found

    return evaluate if _in_condition else require


def _equal(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)  # to Python, 1 == True


def _is_ordered(value: object) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _function(node: dict) -> Evaluate:
    name, arguments = node["value"], _children(node)
    if name in _GUARDED:
        return lambda value: FUNCTIONS.call_function(name, [_guarded(name, argument(value)) for argument in arguments])
    if name == "map" and not _in_condition:
        return _map(node, *arguments)
    return lambda value: FUNCTIONS.call_function(name, [argument(value) for argument in arguments])


def _guarded(name: str, argument: object) -> object:
    # The library counts the letters of a text, and adds what float64 does not hold: 10^400 and -10^400 are no zero.
    _require_own(argument)
    if name in ("length", "reverse", "keys", "values"):
        if isinstance(argument, str):
            raise ValueAbsent(f"expected what {name}() is taken of to be a list, found the text {shown(argument, 40)}")
        return argument
    for one in argument if isinstance(argument, list) else [argument]:
        if isinstance(one, int | float) and not isinstance(one, bool) and not abs(one) <= sys.float_info.max:
            raise ValueAbsent(f"expected {name}() of finite numbers, found {shown(one, 40)}")
    return argument


def _require_own(value: object) -> None:
    if type(value) is Laid:
        raise ValueAbsent(f"expected what the record holds: {', '.join(value)} are how its format is laid out")


def _map(node: dict, expression: Evaluate, elements: Evaluate) -> Evaluate:
    # What tells of each element whether a condition holds, as `map(&((loss < `1` && `1`) || `0`), rows)`.
    paths = list(dict.fromkeys(path for one in _comparisons(node["children"][0]) for path in _paths(one)))

    def evaluate(value: object) -> object:
        if isinstance(found := elements(value), list) and found:
            _require_keys(paths, found)
        return FUNCTIONS.call_function("map", [expression(value), found])

    return evaluate


def _comparisons(node: dict) -> list[dict]:
    if node["type"] == "comparator":
        return [node]
    children = [child for child in node["children"] if isinstance(child, dict)]
    children = children[:1] if node["type"] in _FIRST_FROM_ELEMENT else children
    return [found for child in children for found in _comparisons(child)]


class _Call:
    """Stands where the library's functions expect the interpreter of an expression they were given."""

    @staticmethod
    def visit(evaluate: Evaluate, value: object) -> object:
        return evaluate(value)


def _expression(node: dict) -> Evaluate:
    expression = _Expression(*_children(node), _Call)
    return lambda value: expression


def _filter(node: dict) -> Evaluate:
    base, found, condition = *map(evaluator, node["children"][:2]), _condition(node["children"][2])
    field, text = _field_and_text(node["children"][2])
    paths = list(dict.fromkeys(_paths(node["children"][2])))

    def evaluate(value: object) -> list | None:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        if elements:
            _require_keys(paths, elements)
        if text is None:
            kept = [element for element in elements if _is_true(condition(element))]
        else:  # the same, said shorter: most conditions ask for a name
            kept = [element for element in elements if isinstance(element, dict) and element.get(field) == text]
        return _projected(found, kept)

    return evaluate


def _condition(node: dict) -> Evaluate:
    # Where an element without a value is left out, as JMESPath has it; the keys are looked at beforehand.
    global _in_condition
    before, _in_condition = _in_condition, True
    try:
        return evaluator(node)
    finally:
        _in_condition = before


def _require_keys(paths: list[Path], elements: list) -> None:
    for path in paths:
        if not any(_has(element, path) for element in elements):
            raise ValueAbsent(
                f"expected one at least of {len(elements)} elements with the key {'.'.join(path)}, found none; "
                "a condition asks for it"
            )


def _has(element: object, path: Path) -> bool:
    for name in path:
        if not isinstance(element, dict) or name not in element:
            return False
        element = element[name]
    return True


def _paths(condition: dict) -> list[Path]:
    # The keys that it asks each element for.
    if path := _path(condition):
        return [] if path == ("null",) else [path]  # which JMESPath reads as a key, and everybody as nothing
    if condition["type"] in ("literal", "expref"):
        return []
    children = condition["children"][:1] if condition["type"] in _FIRST_FROM_ELEMENT else condition["children"]
    return [path for child in children for path in _paths(child)]


def _path(node: dict) -> Path:
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return _path(node["children"][0]) if node["type"] in _FIRST_FROM_ELEMENT else ()
    path: Path = ()
    for child in node["children"]:
        path += _path(child)
        if not _is_path(child):
            break
    return path


def _is_path(node: dict) -> bool:
    return node["type"] == "field" or (node["type"] == "subexpression" and all(map(_is_path, node["children"])))


def _field_and_text(condition: dict) -> tuple[str, str | None]:
    # Of a condition FIELD == 'TEXT'; a text equals nothing but itself, so that no type need be looked at.
    if condition["type"] == "comparator" and condition["value"] == "eq":
        left, right = condition["children"]
        if left["type"] == "field" and right["type"] == "literal" and type(right["value"]) is str:
            return left["value"], right["value"]
    return "", None


def _projection(node: dict) -> Evaluate:
    base, found = _children(node)

    def evaluate(value: object) -> list | None:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        return _projected(found, elements)

    return evaluate


def _value_projection(node: dict) -> Evaluate:
    base, found = _children(node)

    def evaluate(value: object) -> list | None:
        elements = base(value)
        _require_own(elements)
        return _projected(found, list(elements.values())) if isinstance(elements, dict) else None

    return evaluate


def _projected(found: Evaluate, elements: list) -> list:
    if found is _identical:
        return list(elements)  # nulls and all: a filter may follow, and no reducer takes them
    values = list(map(found, elements))
    if None in values:
        absent = [place for place, value in enumerate(values) if value is None]
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise ValueAbsent(
            f"expected a value of each of {len(values)} elements, number {absent[0]} (counted from 0){more} has none; "
            "what is to be left out a filter says, as in [?key != null]"
        )
    return values


def _flatten(node: dict) -> Evaluate:
    (base,) = _children(node)

    def evaluate(value: object) -> list | None:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        merged = []
        for element in elements:
            merged.extend(element if isinstance(element, list) else [element])
        return merged

    return evaluate


def _index(node: dict) -> Evaluate:
    place = node["value"]

    def evaluate(value: object) -> object:
        return value[place] if isinstance(value, list) and -len(value) <= place < len(value) else None

    return evaluate


def _slice(node: dict) -> Evaluate:
    part = slice(*node["children"])
    return lambda value: value[part] if isinstance(value, list) else None


def _literal(node: dict) -> Evaluate:
    literal = node["value"]
    return lambda value: literal


def _multi_select_dict(node: dict) -> Evaluate:
    items = [(child["value"], *_children(child)) for child in node["children"]]
    return lambda value: None if value is None else {name: found(value) for name, found in items}


def _multi_select_list(node: dict) -> Evaluate:
    items = _children(node)
    return lambda value: None if value is None else [found(value) for found in items]


def _or(node: dict) -> Evaluate:
    left, right = _children(node)
    return lambda value: found if _is_true(found := left(value)) else right(value)


def _and(node: dict) -> Evaluate:
    left, right = _children(node)
    return lambda value: right(value) if _is_true(found := left(value)) else found


def _not(node: dict) -> Evaluate:
    (base,) = _children(node)
    return lambda value: not _is_true(base(value))


def _identical(value: object) -> object:
    return value


def _itself(node: dict) -> Evaluate:
    return _identical


BUILDERS: dict[str, Callable[[dict], Evaluate]] = {
    "and_expression": _and,
    "comparator": _comparator,
    "current": _itself,
    "expref": _expression,
    "field": _field,
    "filter_projection": _filter,
    "flatten": _flatten,
    "function_expression": _function,
    "identity": _itself,
    "index": _index,
    "index_expression": _chain,
    "literal": _literal,
    "multi_select_dict": _multi_select_dict,
    "multi_select_list": _multi_select_list,
    "not_expression": _not,
    "or_expression": _or,
    "pipe": _chain,
    "projection": _projection,
    "slice": _slice,
    "subexpression": _chain,
    "value_projection": _value_projection,
}
