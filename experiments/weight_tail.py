"""weight_tail: the heavy-tail exponent of each layer's weight spectrum against the decay s of its curvature."""

import time

import torch

from experiments._curvature import chosen_layers
from experiments._layers import measure_spectra, or_missing
from experiments._runner import Run, launch
from experiments._subject import prepare_subject
from layercurv.fits.power_law_tail import power_law_tail


def measure(run: Run) -> dict:
    """Measure curvature and take the spectrum of every weight matrix.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    subject, started = prepare_subject(run), time.perf_counter()
    model = subject.trained.model
    spectra = measure_spectra(run, model, subject.batches)
    for entry, layer in zip(spectra, chosen_layers(run, model), strict=True):
        W = layer.to_matrix(layer.weight.detach()).double()
        eigenvalues = (torch.linalg.svdvals(W) ** 2).tolist()
        tail = or_missing(entry["missing"], "tail", power_law_tail, eigenvalues)
        entry |= {"weight_eigenvalues": eigenvalues, "tail": tail}
    return {
        "n_samples": subject.n_samples,
        "training": subject.trained.summary,
        "layers": spectra,
        "provenance": subject.provenance(time.perf_counter() - started),
    }


if __name__ == "__main__":
    launch("weight_tail", measure)
