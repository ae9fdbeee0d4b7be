"""full_spectrum: does alpha hold along the whole spectrum? alpha in each quarter of the first 50 directions."""

import time

from experiments._layers import measure_spectra, or_missing
from experiments._runner import Run, launch
from experiments._subject import prepare_subject
from layercurv.fits import alpha_by_quartile, usable_directions


def measure(run: Run) -> dict:
    """Measure curvature along many directions and fit alpha quarter by quarter.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    subject, started = prepare_subject(run), time.perf_counter()
    layers = measure_spectra(run, subject.trained.model, subject.batches)
    for layer in layers:
        lists = layer["singular_values"], layer["curvatures"]
        keep = usable_directions(*lists, layer["is_null"])
        layer["quartiles"] = or_missing(layer["missing"], "quartiles", alpha_by_quartile, *lists, keep)
    return {
        "n_samples": subject.n_samples,
        "training": subject.trained.summary,
        "layers": layers,
        "provenance": subject.provenance(time.perf_counter() - started),
    }


if __name__ == "__main__":
    launch("full_spectrum", measure)
