"""`python -m claimgate`: the command line as a process of its own."""

import gc


def run() -> int:
    """Run one command in a process that ends with it.

    Returns:
        The exit code.
    """
    gc.disable()  # what is read is kept to the end: the collector would walk through all of it again and again
    from claimgate.command import main  # while loading, it would walk too

    exit_code = main()
    gc.freeze()  # likewise when the process ends
    return exit_code


if __name__ == "__main__":
    raise SystemExit(run())
