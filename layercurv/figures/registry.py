"""Figure names, what each reads, and drawing them to disk."""

import argparse
import functools
import gc
import importlib
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from layercurv.errors import InputError, choose
from layercurv.figures.ledger import Drawing, Ledger, digests
from layercurv.files import in_checkout
from layercurv.results.store import read_record

# Figure name -> module with RECORDS (paths below the results folder) and draw(records).
NAMES = (
    "sampling_noise_alpha",
    "sampling_noise_batch",
    "alpha_map_power_law",
    "alpha_map_depth",
    "alpha_map_networks",
    "alpha_map_slopes",
    "alpha_map_depth_networks",
    "alpha_map_samples",
    "alpha_triangle_transfer",
    "participation_ratio_width",
    "hvp_validation_finite_differences",
    "training_dynamics_alpha",
    "spectral_newton_curves",
    "spectral_newton_cosine",
    "scalar_preconditioner_accuracy",
    "depth_bifurcation_ratio",
    "published_audit_scoreboard",
    "rank_profile_laws",
    "rank_profile_shares",
    "kronecker_spectrum_quality",
    "weight_tail_exponents",
    "controlled_ablations_intervals",
)
FIGURES = {name: f"layercurv.figures.{name}" for name in NAMES}


def generate(names: list[str], results: Path, folder: Path, ledger: Path | None = None) -> list[Path]:
    """Draw figures from frozen records, as many at a time as there are cores.

    Args:
        names: Keys of `FIGURES`.
        results: The results folder.
        folder: Where PDF and PNG go.
        ledger: File that knows which figures are drawn already, see `layercurv.figures.ledger`; None draws all.

    Returns:
        The files written.

    Raises:
        InputError: If a name is unknown, or a record is missing or lacks what the figure shows.
    """
    for name in names:
        choose("figure", name, FIGURES)
    results, folder, known = Path(results), Path(folder), Ledger(ledger) if ledger else None
    if known:
        names = [name for name in names if not known.knows(name, results, folder)]
    drawings = _draw_all(names, results, folder)
    if known:
        known.note(drawings)
    return [path for drawing in drawings for path in drawing.files]


def _draw_all(names: list[str], results: Path, folder: Path) -> list[Drawing]:
    draw = functools.partial(_draw, results=results, folder=folder)
    n_workers = min(len(names), os.cpu_count() or 1)
    if n_workers < 2:
        return [draw(name) for name in names]
    # Figures are full of cycles: looking for dead ones takes a sixth of the time, and these processes end soon.
    with ProcessPoolExecutor(n_workers, initializer=gc.disable) as pool:
        return list(pool.map(draw, names))


def _draw(name: str, results: Path, folder: Path) -> Drawing:
    from layercurv.figures import style  # matplotlib takes most of a second, and often nothing is to be drawn

    module = importlib.import_module(FIGURES[name])
    before = digests(results, module.RECORDS)
    records = [read_record(results / path) for path in module.RECORDS]
    with style.styled():
        try:
            figure = module.draw(records)
        except KeyError as error:
            folders = ", ".join(sorted({path.split("/")[0] for path in module.RECORDS}))
            raise InputError(
                f"figure {name}: key {error} is missing in one of {len(records)} records of {folders}; "
                "verify_claims.py names the file; measure it again"
            ) from error
        return Drawing(name, before, style.save(figure, folder, name))


def main(arguments: list[str] | None = None) -> int:
    """Be the command line behind `generate_figures.py`.

    Args:
        arguments: Command-line words; None takes those of the process.

    Returns:
        0, or 2 on bad input.
    """
    parser = argparse.ArgumentParser(prog="generate_figures.py", description="Draw figures from frozen records.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(FIGURES)}")
    for option, path, what in (("--results", "results", "folder of records"), ("--out", "figures", "where to write")):
        parser.add_argument(option, type=Path, default=in_checkout(path), help=f"{what} (default: {path})")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="leave alone what this file knows to be drawn")
    options = parser.parse_args(arguments)
    try:
        names = options.names or list(FIGURES)
        written = generate(names, options.results, options.out, options.ledger)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join([f"wrote {path}" for path in written] or ["all figures are drawn already"]))
    return 0
