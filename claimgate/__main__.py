"""`python -m claimgate`: the command line."""

import gc

from claimgate.command import main

if __name__ == "__main__":
    gc.disable()  # what is read is kept to the end: the collector would walk through all of it again and again
    exit_code = main()
    gc.freeze()  # likewise when the process ends
    raise SystemExit(exit_code)
