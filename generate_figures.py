"""Draw all figures from frozen records, or those named; `--help` lists them."""

from layercurv.figures.registry import main

if __name__ == "__main__":
    raise SystemExit(main())
