"""Whether a selector finds what a record holds, and not what it says or builds itself.

A claim counts, adds and averages what its selector finds. So an element must be the record's, once, and how many there
are must be the record's to say. What a selector may build: a list of different places, of which no number is taken how
long it is unless a condition on a key chooses among them; a table of names for a quantity; 0 and 1, which tell whether
a condition holds. What stands in the condition of a filter only chooses, and may say and build what it likes.
"""

import functools

from claimgate.errors import InputError, shown
from claimgate.select import compiled

# Functions that say yes or no, as a comparison does.
_CONDITIONS = ("contains", "starts_with", "ends_with")
# Functions that make of what they are given what no record holds, or take another value where one is absent.
_MAKING = {
    **dict.fromkeys(("join", "to_string", "type"), "makes a text"),
    **dict.fromkeys(("merge", "to_array"), "builds what no record holds"),
    **dict.fromkeys(("floor", "ceil"), "rounds, which the check of a claim does"),
    "not_null": "takes another value where one is absent",
}
_NUMBERS = ("length", "sum", "avg", "min", "max", "abs")  # functions whose result is one number
_CHAINS = ("subexpression", "pipe", "index_expression")
_PLACES = ("field", "subexpression", "current", "identity", "index_expression")
_LISTED = ("projection", "flatten")


class _Kind:
    """What a part of an expression finds: built by it, or the record's; and of what kind its elements are."""

    __slots__ = ("is_built", "of")

    def __init__(self, is_built: bool = False, of: "_Kind | None" = None):
        self.is_built, self.of = is_built, of

    @property
    def element(self) -> "_Kind":
        return self.of or _OWN


_OWN = _Kind()


@functools.lru_cache(maxsize=4096)  # many claims select alike
def require_measured(expression: str, is_counted: bool = False, of_lists: bool = False) -> None:
    """Refuse an expression that finds what it says or builds itself instead of what a record holds.

    Args:
        expression: JMESPath.
        is_counted: Whether the claim takes the number of what it finds.
        of_lists: Whether a list may name places that hold lists: where it is compared and not reduced.

    Raises:
        InputError: If nothing in it asks the record; a literal, a fallback or a function that makes a value stands
            elsewhere than in a condition; a list names a place twice; or what it builds is counted.
    """
    node = compiled(expression).parsed
    if not _asks(node):
        raise InputError(f"select asks the record for nothing: {shown(expression)}")
    try:
        _require(node, of_lists)
        if _kind(node, _OWN).is_built and is_counted:
            raise InputError("select builds a list, and the claim counts it: only what a record lists can be counted")
    except InputError as error:
        raise InputError(f"{error}, in {shown(expression)}") from error


def _require(node: dict, of_lists: bool) -> None:
    name, parts = node["type"], _children(node)
    if name == "literal":
        raise InputError(
            f"select puts {shown(node['value'])} in the place of what a record holds; a literal stands in a condition, "
            "or is 0 or 1 and tells whether one holds: (CONDITION && `1`) || `0`"
        )
    if _is_condition(node) or _tells(node):
        return
    if name in ("or_expression", "and_expression"):
        literals = [part for part in parts if part["type"] == "literal"]
        for literal in literals:
            _require(literal, of_lists)
        raise InputError("select takes another value where one is absent: name the one that the claim is about")
    if name == "function_expression" and (made := _MAKING.get(node["value"])) is not None:
        for literal in (part for part in parts if part["type"] == "literal"):
            _require(literal, of_lists)
        raise InputError(f"select {made}: {node['value']}() stands in conditions only")
    for part in parts[:2] if name == "filter_projection" else parts:
        _require(part, of_lists)
    if name == "multi_select_list":
        _require_different(parts, of_lists)


def _require_different(parts: list[dict], of_lists: bool) -> None:
    if len(parts) == 1:
        return
    known = []
    for part in map(_without_itself, parts):
        is_number = part["type"] == "function_expression" and part["value"] in _NUMBERS
        if not (is_number or _is_place(part, of_lists)):
            raise InputError(f"select builds a list of more than keys of a record and {', '.join(_NUMBERS)} of them")
        if part in known:
            raise InputError("select builds a list that names one place twice")
        known.append(part)


def _without_itself(node: dict) -> dict:
    # "@.a" and "a" are one place.
    if node["type"] in _CHAINS:
        parts = [part for part in map(_without_itself, _children(node)) if part["type"] not in ("current", "identity")]
        flat = [one for part in parts for one in (_children(part) if part["type"] == "subexpression" else [part])]
        return flat[0] if len(flat) == 1 else {"type": "subexpression", "children": flat}
    return node


def _is_place(node: dict, of_lists: bool) -> bool:
    name = node["type"]
    if name == "index":
        return node["value"] >= 0
    if name in ("current", "identity") and not of_lists:
        return False
    return name in (_PLACES + _LISTED if of_lists else _PLACES) and all(
        _is_place(part, of_lists) or (part["type"] in ("current", "identity")) for part in _children(node)
    )


def _kind(node: dict, given: _Kind) -> _Kind:
    name, parts = node["type"], _children(node)
    if name in ("current", "identity"):
        return given
    if name == "slice":  # which says how many
        return _Kind(True, given.of)
    if name in ("field", "index"):
        return given.element
    if name in _CHAINS:
        for part in parts:
            given = _kind(part, given)
        return given
    if name in ("multi_select_list", "multi_select_dict", "literal"):
        return _Kind(True, _joined([_kind(part, given) for part in parts]))
    if name == "key_val_pair":
        return _kind(parts[0], given)
    if name in ("projection", "filter_projection", "value_projection"):
        return _kind_of_projection(node, given)
    if name == "flatten":
        base = _kind(parts[0], given)
        return _Kind(base.is_built or base.element.is_built, base.element.of)
    if name == "function_expression":
        return _kind_of_function(node, given)
    return _OWN


def _kind_of_projection(node: dict, given: _Kind) -> _Kind:
    parts = _children(node)
    base = _kind(parts[0], given)
    if node["type"] == "value_projection" and base.is_built:
        raise InputError("select builds a table and lists its values: name them")
    is_built = base.is_built and not (node["type"] == "filter_projection" and _chooses(parts[0], parts[2]))
    return _Kind(is_built, _kind(parts[1], base.element))


def _kind_of_function(node: dict, given: _Kind) -> _Kind:
    name, parts = node["value"], _children(node)
    if name == "map":
        base = _kind(parts[1], given)
        return _Kind(base.is_built, _kind(_children(parts[0])[0], base.element))
    kinds = [_kind(part, given) for part in parts if part["type"] != "expref"]
    if name in ("length", "keys", "values") and any(kind.is_built for kind in kinds):
        raise InputError(f"select builds what {name}() is taken of: only what a record lists can be counted")
    if name in ("sort", "sort_by", "reverse"):
        return kinds[0]
    return kinds[0].element if name in ("max_by", "min_by") else _OWN


def _joined(kinds: list[_Kind]) -> _Kind | None:
    built = [kind for kind in kinds if kind.is_built or kind.of is not None]
    return built[0] if len(built) == 1 else _Kind(True, _joined([kind.element for kind in built])) if built else None


def _asks(node: dict) -> bool:
    return node["type"] in ("field", "current") or any(map(_asks, _children(node)))


def _asks_a_key(condition: dict) -> bool:
    is_key = condition["type"] == "field" and condition["value"] != "null"  # which JMESPath reads as a key
    return is_key or any(map(_asks_a_key, _children(condition)))


def _chooses(base: dict, condition: dict) -> bool:
    # Of one element, a comparison tells whether it holds; of more, what is built has keys that the record fills.
    is_one = base["type"] == "multi_select_list" and len(base["children"]) == 1
    return _asks_a_key(condition) or (is_one and _is_condition(condition))


def _is_condition(node: dict) -> bool:
    if node["type"] in ("and_expression", "or_expression"):
        return all(map(_is_condition, _children(node)))
    return node["type"] in ("comparator", "not_expression") or (
        node["type"] == "function_expression" and node["value"] in _CONDITIONS
    )


def _tells(node: dict) -> bool:
    # CONDITION && `1`, and (CONDITION && `1`) || `0`
    if node["type"] not in ("and_expression", "or_expression"):
        return False
    left, right = _children(node)
    is_told = _is_condition(left) if node["type"] == "and_expression" else _tells(left) and left["type"][:3] == "and"
    return is_told and right["type"] == "literal" and type(right["value"]) is int and right["value"] in (0, 1)


def _children(node: dict) -> list[dict]:
    return [child for child in node["children"] if isinstance(child, dict)]
