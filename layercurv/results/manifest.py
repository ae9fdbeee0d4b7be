"""The seal over our frozen records, all but smoke runs: `python -m layercurv.results.manifest`, or `make freeze`."""

import argparse
import sys
from functools import partial
from pathlib import Path

from claimgate import manifest
from claimgate.manifest import NAME, read_manifest
from layercurv.errors import InputError

__all__ = ["NAME", "freeze", "frozen_records", "main", "read_manifest"]

UNCLAIMED = ("smoke",)
frozen_records = partial(manifest.frozen_records, unclaimed=UNCLAIMED)
freeze = partial(manifest.freeze, unclaimed=UNCLAIMED)


def main() -> int:
    """Renew the manifest and print the difference.

    Returns:
        0, or 2 if the folder or the manifest is malformed.
    """
    parser = argparse.ArgumentParser(description="Renew SHA256SUMS over the frozen records.")
    parser.add_argument("folder", nargs="?", default="results", type=Path)
    folder = parser.parse_args().folder
    try:
        print("\n".join(freeze(folder) or ["no change"]))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
