"""full_spectrum: does alpha hold along the whole spectrum? alpha in each quarter of the first 50 directions."""

from experiments._curvature import measure_spectra
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject
from layercurv.fits import alpha_by_quartile, usable_directions
from layercurv.measure.entry import or_missing


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Measure curvature along many directions and fit alpha quarter by quarter.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.
    """
    layers = measure_spectra(run, subject.trained.model, subject.batches)
    for layer in layers:
        lists = layer["singular_values"], layer["curvatures"]
        keep = usable_directions(*lists, layer["is_null"])
        layer["quartiles"] = or_missing(layer["missing"], "quartiles", alpha_by_quartile, *lists, keep)
    return {"layers": layers}


if __name__ == "__main__":
    launch("full_spectrum", measure, processes=True)
