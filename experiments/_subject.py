"""What most experiments start from: a data set, the samples curvature is measured on, and a trained network."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from experiments._build import load_data
from experiments._curvature import draw_batches
from experiments._kernels import DTYPES
from experiments._runner import Run
from experiments._training import TrainedModel, trained_model
from layercurv.data import ImageData, TextWindows


@dataclass(frozen=True)
class Subject:
    """A trained network, its data, and the samples to measure on."""

    data: ImageData | TextWindows
    batches: list[tuple[torch.Tensor, torch.Tensor]]  # micro-batches of B training samples
    trained: TrainedModel

    @property
    def n_samples(self) -> int:
        """B."""
        return sum(len(targets) for _, targets in self.batches)

    def provenance(self, measurement_s: float) -> dict:
        """Give what a record on this subject adds to the provenance.

        Args:
            measurement_s: Seconds of measuring.

        Returns:
            The keys `data`, `training_commits` and `wall_s`.
        """
        return {
            "data": self.data.provenance,
            "training_commits": self.trained.commits,
            "wall_s": {"training": self.trained.wall_s, "measurement": measurement_s},
        }


def prepare_subject(run: Run, n_samples: int | None = None) -> Subject:
    """Load the data, draw the samples, and train the network unless its checkpoint is there.

    Bad settings of a measurement are found before the training.

    Args:
        run: The run.
        n_samples: B; None takes `curvature.n_samples`.

    Returns:
        The subject; the network is in eval mode and in the precision of the measurement.
    """
    data = load_data(run)
    batches = draw_batches(run, data, n_samples)
    trained = trained_model(run, data)
    trained.model.to(DTYPES[run.cfg.curvature.dtype])
    return Subject(data, batches, trained)


def on_subject(measure: Callable[[Run, Subject], dict]) -> Callable[[Run], dict]:
    """Make an experiment's `measure` out of what it does with its subject; a decorator.

    Args:
        measure: Gets the run and its subject; returns measurements.

    Returns:
        A function of the run: prepares the subject, measures, and adds `n_samples`, `training` and the provenance.
    """

    @functools.wraps(measure)
    def measure_subject(run: Run) -> dict:
        subject, started = prepare_subject(run), time.perf_counter()
        found = measure(run, subject)
        shared = {"n_samples": subject.n_samples, "training": subject.trained.summary}
        return shared | found | {"provenance": subject.provenance(time.perf_counter() - started)}

    return measure_subject
