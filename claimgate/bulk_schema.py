"""Many records against their schema at once: values that must meet the same rule are checked as one column.

A validator that walks through each record alone takes minutes for what this takes a tenth of a second. It answers yes
or "not sure": whoever hears the latter asks `schema.violations`, record by record. Unlike JSON Schema it also wants
every number to be finite, described or not.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

Nodes = tuple[dict, ...]  # schemas that hold together

_TYPES = {
    "null": {type(None)},
    "boolean": {bool},
    "integer": {int},
    "number": {int, float},
    "string": {str},
    "array": {list},
    "object": {dict},
}
_NUMBERS = {int, float}
_KNOWN = {
    *("$comment", "$defs", "$ref", "$schema", "title", "type", "const", "enum", "oneOf", "anyOf"),
    *("minimum", "maximum", "exclusiveMinimum", "pattern", "minLength", "items", "minItems", "maxItems"),
    *("properties", "required", "additionalProperties", "unevaluatedProperties", "minProperties", "propertyNames"),
}


class _NotSureError(Exception):
    """A rule is broken, or one that is not known here."""


def all_meet(records: list, schema: dict) -> bool:
    """Say whether all records surely meet a schema and hold finite numbers only.

    Args:
        records: Parsed records.
        schema: As of `schema.schema_for`.

    Returns:
        False if one does not, or if it cannot be told.
    """
    try:
        _Bulk(schema.get("$defs", {})).check(records, (schema,))
    except (_NotSureError, LookupError, TypeError, AttributeError):  # the latter of a schema that is odd or none
        return False
    return True


def is_finite(value: object) -> bool:
    """Say whether every number in a document is finite.

    Args:
        value: Anything parsed from JSON.

    Returns:
        False if there is a NaN or an infinity in it.
    """
    if type(value) in _NUMBERS:
        return _all_finite([value])
    if isinstance(value, dict):
        value = list(value.values())
    if type(value) is tuple:  # of a map in Parquet
        value = list(value)
    if type(value) is not list:
        return True
    try:
        if math.isfinite(sum(value, 0.0)):  # of what are no numbers, there is no sum; 10^400 is no float
            return True
    except (TypeError, OverflowError):
        pass
    kinds = set(map(type, value))
    if kinds <= _NUMBERS:
        return _all_finite(value)
    return all(map(is_finite, value)) if kinds - {str, bool, type(None)} else True


class _Bulk:
    def __init__(self, definitions: dict):
        self._definitions = definitions
        self._known: dict[int, Nodes] = {}  # by identity of a schema, all of which outlive this

    def check(self, values: list, schemas: Nodes) -> None:
        nodes = tuple(chain.from_iterable(map(self._nodes, schemas)))
        values, nodes = self._without_null(values, nodes)
        if not values:
            return
        kinds = set(map(type, values))
        if kinds & _NUMBERS:  # first of all: NaN is neither least nor greatest
            _require(_all_finite(values if kinds <= _NUMBERS else [v for v in values if type(v) in _NUMBERS]))
        for node in nodes:
            _check_node(values, kinds, node)
        if dict in kinds:
            self._check_objects(_of_type(dict, values, kinds), nodes)
        if list in kinds:
            lists = _of_type(list, values, kinds)
            self._check_below(
                list(chain.from_iterable(lists)), tuple(node["items"] for node in nodes if "items" in node)
            )

    def _nodes(self, schema: dict) -> Nodes:
        if id(schema) not in self._known:
            self._known[id(schema)] = tuple(self._flat(schema))
        return self._known[id(schema)]

    def _flat(self, schema: dict) -> Iterable[dict]:
        _require(schema.keys() <= _KNOWN)
        yield schema
        if "$ref" in schema:
            *path, name = schema["$ref"].removeprefix("#/$defs/").split("/")
            found = self._definitions
            for key in (*path, name):
                found = found[key]
            yield from self._flat(found)

    def _without_null(self, values: list, nodes: Nodes) -> tuple[list, Nodes]:
        for node in nodes:
            choices = node.get("oneOf", node.get("anyOf"))
            if choices is None:
                continue
            others = [choice for choice in choices if choice != {"type": "null"}]
            _require(len(others) == 1 and len(choices) == 2)
            rest = tuple(other for other in nodes if other is not node)
            _require(not any("type" in other for other in rest))
            values = [value for value in values if value is not None]
            return self._without_null(values, (*rest, *self._flat(others[0])))
        return values, nodes

    def _check_objects(self, values: list[dict], nodes: Nodes) -> None:
        described = {key for node in nodes for key in node.get("properties", ())}
        closed = any(node.get("unevaluatedProperties") is False for node in nodes)
        required = {key for node in nodes for key in node.get("required", ())}
        alike = defaultdict(list)
        for value in values:
            alike[tuple(value)].append(value)
        others = []  # values of keys that no node describes: one column, whatever they are called
        for keys, group in alike.items():
            _require(required.issubset(keys) and (not closed or described.issuperset(keys)))
            for key in keys:
                column = [value[key] for value in group]
                if key in described:
                    self._check_below(column, tuple(rule for node in nodes for rule in _rules_of(node, key)))
                else:
                    others += column
        if others:
            self._check_below(others, tuple(rule for node in nodes for rule in _rules_of(node, "")))

    def _check_below(self, values: list, schemas: Nodes) -> None:
        if schemas:
            self.check(values, schemas)
        else:
            _require(is_finite(values))


def _rules_of(node: dict, key: str) -> list[dict]:
    if key in node.get("properties", ()):
        return [node["properties"][key]]
    others = node.get("additionalProperties", True)
    _require(others is not False)
    return [others] if isinstance(others, dict) else []


def _check_node(values: list, kinds: set[type], node: dict) -> None:
    if "type" in node:
        names = node["type"] if isinstance(node["type"], list) else [node["type"]]
        _require(kinds <= set().union(*(_TYPES[name] for name in names)))
    if "const" in node:
        _require(kinds == {type(node["const"])} and set(values) == {node["const"]})
    if "enum" in node:
        _require(kinds <= {str, type(None)} and set(values) <= set(node["enum"]))
    if {"minimum", "maximum", "exclusiveMinimum"} & node.keys() and kinds & _NUMBERS:
        _check_range(values if kinds <= _NUMBERS else [value for value in values if type(value) in _NUMBERS], node)
    if {"pattern", "minLength"} & node.keys():
        for text in {value for value in values if type(value) is str}:
            _require(len(text) >= node.get("minLength", 0) and re.search(node.get("pattern", ""), text) is not None)
    if {"minItems", "maxItems"} & node.keys():
        lengths = {len(value) for value in values if type(value) is list}
        _require(all(node.get("minItems", 0) <= n <= node.get("maxItems", n) for n in lengths))
    if {"minProperties", "propertyNames"} & node.keys():
        objects = [value for value in values if type(value) is dict]
        _require(all(len(value) >= node.get("minProperties", 0) for value in objects))
        names = list({key for value in objects for key in value})
        if names and "propertyNames" in node:
            _check_node(names, {str}, node["propertyNames"])


def _check_range(numbers: list, node: dict) -> None:
    if "maximum" in node:
        _require(max(numbers) <= node["maximum"])
    if "minimum" in node or "exclusiveMinimum" in node:
        least = min(numbers)
        _require(node.get("minimum", -math.inf) <= least and least > node.get("exclusiveMinimum", -math.inf))


def _of_type(kind: type, values: list, kinds: set[type]) -> list:
    return values if kinds == {kind} else [value for value in values if type(value) is kind]


def _all_finite(numbers: list) -> bool:
    try:
        return math.isfinite(sum(numbers, 0.0)) or all(map(math.isfinite, numbers))
    except OverflowError:  # an integer that is no float
        return False


def _require(holds: bool) -> None:
    if not holds:
        raise _NotSureError
