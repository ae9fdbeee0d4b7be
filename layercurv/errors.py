"""The one exception that stands for bad input, the same that verifying claims raises; command lines exit 2 with it."""

from claimgate.errors import InputError, choose, shown

__all__ = ["InputError", "choose", "shown"]
