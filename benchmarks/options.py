"""Types of command-line options."""

import argparse
import math


def count(text: str) -> int:
    """Read a whole number of at least 1.

    Args:
        text: As typed.

    Returns:
        The number.

    Raises:
        ArgumentTypeError: If it is none.
    """
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def positive(text: str) -> float:
    """Read a finite number above 0.

    Args:
        text: As typed.

    Returns:
        The number.

    Raises:
        ArgumentTypeError: If it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a finite number above 0, got {text!r}")
    return number
