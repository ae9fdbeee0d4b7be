"""The one exception that stands for bad input; command lines print it as a single message and exit 2."""


class InputError(ValueError):
    """Input from outside (option, file, data, model) that cannot be used.

    The message says what was expected, what came, where, and what to do next.
    """


def choose(kind: str, name: str, options: dict):
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
