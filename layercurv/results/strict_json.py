"""JSON read and written without the laxness of the standard library's defaults."""

import json
import re
from collections import Counter
from typing import Any

from layercurv.errors import InputError, shown


def loads(text: str, where: str) -> Any:
    """Parse JSON, refusing duplicate keys.

    The literals NaN and Infinity are not JSON, but a broken producer writes them: they are kept as floats here so
    that whoever needs that value can report it as not evaluable; `dumps` never writes them.

    Args:
        text: The JSON text.
        where: File name for messages.

    Returns:
        The parsed value.

    Raises:
        InputError: If the text is not JSON or an object repeats a key.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected a JSON document, got one that does not parse: {error}") from error


def dumps(value: Any) -> str:
    """Write JSON with full float precision, keys in the given order, ending in a newline.

    Args:
        value: Plain Python values.

    Returns:
        The text; lists of numbers stand on one line each.

    Raises:
        InputError: If a number is NaN or infinite.
    """
    try:
        text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    except ValueError as error:
        raise InputError(f"a record holds finite numbers only; put null and a reason instead ({error})") from error
    return _join_number_lists(text) + "\n"


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict:
    result = dict(pairs)
    if len(result) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"duplicate key {shown(counts.most_common(1)[0][0])}")
    return result


def _join_number_lists(text: str) -> str:
    # Keeps the diff of two records readable. Safe on any JSON text: a match starts at a line break, which no JSON
    # string contains, and holds no quote.
    return re.sub(r"\[\n([^\[\]{}\"]+)\n *\]", lambda match: f"[{' '.join(match[1].split())}]", text)
