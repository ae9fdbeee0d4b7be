"""training_dynamics: alpha of every layer along training, from initialisation to the end."""

from experiments._curvature import measure_spectra
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Measure all layers at several epochs, on the same samples.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.
    """
    trained = subject.trained
    epochs = [
        {"epoch": epoch, "layers": measure_spectra(run, trained.at_epoch(epoch), subject.batches)}
        for epoch in run.cfg.epochs
    ]
    return {"epochs": epochs}


if __name__ == "__main__":
    launch("training_dynamics", measure, processes=True)
