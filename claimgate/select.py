"""JMESPath and nothing else: expressions checked before use, and their evaluation with one kind of error."""

import functools
import math
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from claimgate.checks import NotEvaluable
from claimgate.errors import InputError, shown
from claimgate.evaluation import Evaluate, ValueAbsent, evaluator

MAX_LENGTH = 400
# Widths of all multi-selects multiplied. "[@, @][] | [@, @][] | ..." doubles its result at each step: thirty steps
# would fill any memory. Nothing but these and two functions makes a result larger than the document.
MAX_WIDTH = 256
# to_string escapes the quotes of its last result, join repeats its separator.
_WIDENING_FUNCTIONS = {"to_string": 4, "join": 16}


@functools.lru_cache(maxsize=4096)
def compiled(expression: str):
    """Parse an expression.

    Args:
        expression: JMESPath.

    Returns:
        The parsed expression.

    Raises:
        InputError: If it does not parse, is longer than `MAX_LENGTH` or could multiply a document by more than
            `MAX_WIDTH`.
    """
    if len(expression) > MAX_LENGTH:
        raise InputError(f"expected an expression of at most {MAX_LENGTH} characters, got {len(expression)}")
    try:
        parsed = jmespath.compile(expression)
        width = _width(parsed.parsed)
    except (JMESPathError, RecursionError, ValueError) as error:
        raise InputError(f"select is not a JMESPath expression: {shown(str(error))}") from error
    if width > MAX_WIDTH:
        raise InputError(f"expected an expression whose lists multiply to at most {MAX_WIDTH}, got {width}")
    return parsed


def select(expression: str, document: object, where: str) -> list:
    """Select from a document.

    Args:
        expression: JMESPath.
        document: A parsed record.
        where: File name for messages.

    Returns:
        What it finds, as a list; never empty.

    Raises:
        NotEvaluable: If it finds nothing, drops a value that is absent, or fails on this document.
    """
    try:
        found: Any = _evaluate(expression)(document)
    except ValueAbsent as absent:
        raise NotEvaluable(f"{where}: {expression}: {absent}") from absent
    except (
        JMESPathError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise NotEvaluable(f"{where}: {expression} fails: {shown(str(error))}") from error
    if found is None or found == []:
        raise NotEvaluable(f"{where}: {expression} finds nothing")
    return found if isinstance(found, list) else [found]


@functools.lru_cache(maxsize=4096)
def _evaluate(expression: str) -> Evaluate:
    return evaluator(compiled(expression).parsed)


def _width(node: dict) -> int:
    children = _children(node)
    width = math.prod(map(_width, children))
    if node["type"] in ("multi_select_list", "multi_select_dict"):
        return width * max(1, len(children))
    return width * (_WIDENING_FUNCTIONS.get(node["value"], 1) if node["type"] == "function_expression" else 1)


def _children(node: dict) -> list[dict]:
    return [child for child in node["children"] if isinstance(child, dict)]
