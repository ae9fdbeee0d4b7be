"""What most experiments start from: a data set, the samples curvature is measured on, and a trained network."""

from dataclasses import dataclass

import torch

from experiments._curvature import DTYPES, draw_batches
from experiments._runner import Run
from experiments._training import TrainedModel, load_data, trained_model
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
