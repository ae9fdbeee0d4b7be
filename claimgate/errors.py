"""The one exception that stands for bad input; command lines print it as a single message and exit 2."""

from typing import TypeVar

T = TypeVar("T")


class InputError(ValueError):
    """Input from outside (option, file, data, model) that cannot be used.

    The message says what was expected, what came, where, and what to do next.
    """


def choose(kind: str, name: str, options: dict[str, T]) -> T:
    """Return `options[name]`.

    Args:
        kind: What is being chosen, for the message ("optimizer", "check").
        name: The requested key.
        options: All valid keys and what they stand for.

    Returns:
        The value stored under `name`.

    Raises:
        InputError: If `name` is not a key; the message lists the valid ones.
    """
    if name not in options:
        raise InputError(f"unknown {kind} {name!r}; expected one of: {', '.join(sorted(options))}")
    return options[name]


def shown(value: object, limit: int = 100) -> str:
    """Quote a value for a message: on one line, printable, short, however deep or long the value is.

    Args:
        value: Anything.
        limit: Characters at most.

    Returns:
        Its quotation.
    """
    try:
        text = ascii(value)
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply to show"
    except ValueError:  # an integer with more digits than Python prints
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= limit else text[: limit - 3] + "..."
