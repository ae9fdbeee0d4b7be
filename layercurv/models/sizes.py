"""Checks of the sizes a network is asked for, before anything is built."""

from collections.abc import Sequence

from layercurv.errors import InputError


def require_positive(**sizes: int | Sequence[int]) -> None:
    """Refuse sizes that are not positive integers.

    Args:
        sizes: Name of a setting to its value, one integer or several.

    Raises:
        InputError: If one is not a positive integer.
    """
    for name, value in sizes.items():
        is_several = isinstance(value, Sequence) and not isinstance(value, str)
        if not all(isinstance(size, int) and size >= 1 for size in (value if is_several else [value])):
            expected = "positive integers" if is_several else "a positive integer"
            raise InputError(f"model.{name}: expected {expected}, got {value}")


def require_multiple(name: str, value: int, divisor_name: str, divisor: int) -> None:
    """Refuse a size that another does not divide.

    Args:
        name: Setting that must be a multiple.
        value: Its value.
        divisor_name: Setting that must divide it.
        divisor: Its value.

    Raises:
        InputError: If there is a remainder.
    """
    if value % divisor:
        raise InputError(f"model.{name}: expected a multiple of {divisor_name} ({divisor}), got {value}")
