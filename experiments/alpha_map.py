"""alpha_map: alpha, gamma, s and the five slopes of every weight layer of a trained network."""

from experiments._curvature import measure_layers
from experiments._runner import Run, launch
from experiments._subject import prepare_subject


def measure(run: Run) -> dict:
    """Train, take the leading singular directions of each layer's gradient, and measure curvature along them.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    subject = prepare_subject(run)
    measured = measure_layers(run, subject.trained.model, subject.batches)
    return {
        "n_samples": measured.n_samples,
        "mean_loss": measured.mean_loss,
        "training": subject.trained.summary,
        "layers": measured.entries,
        "provenance": subject.provenance(measured.wall_s),
    }


if __name__ == "__main__":
    launch("alpha_map", measure, processes=True)
