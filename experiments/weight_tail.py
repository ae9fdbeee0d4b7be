"""weight_tail: the heavy-tail exponent of each layer's weight spectrum against the decay s of its curvature."""

import torch

from experiments._curvature import chosen_layers, measure_spectra
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject
from layercurv.fits.power_law_tail import power_law_tail
from layercurv.measure.entry import or_missing


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Measure curvature and take the spectrum of every weight matrix.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.
    """
    model = subject.trained.model
    spectra = measure_spectra(run, model, subject.batches)
    for entry, layer in zip(spectra, chosen_layers(run, model), strict=True):
        W = layer.to_matrix(layer.weight.detach()).double()
        eigenvalues = (torch.linalg.svdvals(W) ** 2).tolist()
        tail = or_missing(entry["missing"], "tail", power_law_tail, eigenvalues)
        entry |= {"weight_eigenvalues": eigenvalues, "tail": tail}
    return {"layers": spectra}


if __name__ == "__main__":
    launch("weight_tail", measure, processes=True)
