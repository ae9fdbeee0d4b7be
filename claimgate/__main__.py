"""`python -m claimgate`: the command line as a process of its own."""

import gc

from claimgate.command import main


def run() -> int:
    """Run one command in a process that ends with it.

    Returns:
        The exit code.
    """
    gc.disable()  # what is read is kept to the end: the collector would walk through all of it again and again
    exit_code = main()
    gc.freeze()  # likewise when the process ends
    return exit_code


if __name__ == "__main__":
    raise SystemExit(run())
