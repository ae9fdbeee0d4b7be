"""Packing the archive: `python -m layercurv.archive.pack`, or `make archive`."""

import argparse
import shutil
import sys
import zipfile
from pathlib import Path

import layercurv
from layercurv.archive.contents import read_contents
from layercurv.archive.crate import build_crate
from layercurv.errors import InputError
from layercurv.files import atomic_path

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal commits give equal bytes


def write_crate(root: Path, folder: Path) -> int:
    """Write the crate as a folder; what lay there before is removed.

    Args:
        root: The checkout.
        folder: Where to.

    Returns:
        How many files it describes.

    Raises:
        InputError: If the checkout cannot be archived (see `read_contents`).
    """
    contents = read_contents(root)
    crate = build_crate(contents)
    shutil.rmtree(folder, ignore_errors=True)
    crate.write(folder)
    return len(contents.files)


def pack(folder: Path, target: Path) -> None:
    """Zip a folder, the same bytes for the same files.

    Args:
        folder: The crate.
        target: The archive.
    """
    members = sorted(path for path in folder.rglob("*") if path.is_file())
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in members:
            member = zipfile.ZipInfo(f"{target.stem}/{path.relative_to(folder)}", EPOCH)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, path.read_bytes())


def main() -> int:
    """Be the command line.

    Returns:
        0, or 2 on bad input.
    """
    default = Path("build") / f"layercurv-{layercurv.__version__}.zip"
    parser = argparse.ArgumentParser(prog="python -m layercurv.archive.pack", description="Write the archive.")
    parser.add_argument("--crate", type=Path, default=Path("build/crate"), help="the same as a folder: build/crate")
    parser.add_argument("--out", type=Path, default=default, help=f"default: {default}")
    options = parser.parse_args()
    try:
        n_files = write_crate(Path.cwd(), options.crate)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    pack(options.crate, options.out)
    print(f"wrote {options.out}: {n_files} files, {options.out.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
