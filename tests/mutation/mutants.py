"""The ways in which one value of a document is changed."""

import copy
import math
from collections.abc import Iterator

KINDS = ("x1.5", "x1.1", "sign", "NaN", "deleted", "emptied", "swapped")


def at(document, path: tuple):
    for key in path:
        document = document[key]
    return document


def with_value(document, path: tuple, value):
    """Copy a document with one value replaced; only what lies on the path is copied."""
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = with_value(document[path[0]], path[1:], value)
    return changed


def without(document, path: tuple):
    parent = copy.copy(at(document, path[:-1]))
    del parent[path[-1]]
    return with_value(document, path[:-1], parent)


def mutants(document: dict, path: tuple, position: int) -> Iterator[tuple[str, dict]]:
    """Yield every mutant of the value at a path; of a list, of its element at `position`."""
    value = at(document, path)
    in_list = isinstance(value, list) and bool(value)
    leaf = (*path, position % len(value)) if in_list else path
    number = at(document, leaf)
    if isinstance(number, bool):
        yield "flipped", with_value(document, leaf, not number)
    elif isinstance(number, int | float):
        for kind, new in (("x1.5", number * 1.5), ("x1.1", number * 1.1), ("sign", -number), ("NaN", math.nan)):
            yield kind, with_value(document, leaf, new)
    elif isinstance(number, str):
        yield "renamed", with_value(document, leaf, number + "x")
    yield "deleted", without(document, leaf)
    if in_list:
        yield "emptied", with_value(document, path, [])
        other = (position + 1) % len(value)
        if other != position % len(value):
            swapped = list(value)
            swapped[position % len(value)], swapped[other] = swapped[other], swapped[position % len(value)]
            yield "swapped", with_value(document, path, swapped)
