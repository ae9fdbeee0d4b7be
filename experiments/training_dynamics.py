"""training_dynamics: alpha of every layer along training, from initialisation to the end."""

import time

from experiments._layers import measure_spectra
from experiments._runner import Run, launch
from experiments._subject import prepare_subject


def measure(run: Run) -> dict:
    """Measure all layers at several epochs, on the same samples.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    subject, started = prepare_subject(run), time.perf_counter()
    trained = subject.trained
    epochs = [
        {"epoch": epoch, "layers": measure_spectra(run, trained.at_epoch(epoch), subject.batches)}
        for epoch in run.cfg.epochs
    ]
    return {
        "n_samples": subject.n_samples,
        "training": trained.summary,
        "epochs": epochs,
        "provenance": subject.provenance(time.perf_counter() - started),
    }


if __name__ == "__main__":
    launch("training_dynamics", measure)
