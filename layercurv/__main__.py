"""`python -m layercurv` is the command `layercurv`."""

from layercurv.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
