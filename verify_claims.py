"""Check every claim of the paper against frozen records; `--help` lists options and exit codes."""

from layercurv.claims.command import main

if __name__ == "__main__":
    raise SystemExit(main())
