"""What experiments on optimisers share: a tuning budget equal for all, and exponents measured on one common network."""

import copy
from dataclasses import dataclass

from experiments._build import load_data
from experiments._curvature import draw_batches, measure_spectra
from experiments._kernels import trusted_layout
from experiments._runner import Run
from experiments._search import search
from experiments._training import TrainedModel, trained_model
from layercurv.data import ImageData, TextWindows
from layercurv.errors import InputError
from layercurv.files import WriteError


@dataclass(frozen=True)
class Contestant:
    """One optimiser, tuned and trained."""

    data: ImageData | TextWindows
    trained: TrainedModel
    tuning: list[dict]  # one entry per trial, in order
    learning_rate: float  # the one chosen
    weight_decay: float  # the one chosen
    is_inside: bool  # whether trials lie on both sides of the chosen one, on each axis
    tuning_s: float

    def provenance(self, measurement_s: float) -> dict:
        """Give what the record adds to the provenance.

        Args:
            measurement_s: Seconds of measuring.

        Returns:
            The keys `data`, `training_commits`, `wall_s`, `epoch_wall_s` and `epoch_processor_s`.
        """
        wall_s = {"training": self.trained.wall_s, "tuning": self.tuning_s, "measurement": measurement_s}
        return {
            "data": self.data.provenance,
            "training_commits": self.trained.commits,
            "wall_s": wall_s,
            "epoch_wall_s": self.trained.epoch_wall_s,
            "epoch_processor_s": self.trained.epoch_processor_s,
        }

    def chosen(self) -> dict:
        """Give what the record says of the tuning and the training.

        Returns:
            The keys `tuning`, `learning_rate`, `weight_decay`, `best_is_inside` and `training`.
        """
        return {
            "tuning": self.tuning,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "best_is_inside": self.is_inside,
            "training": self.trained.summary,
        }


def contest_data(run: Run) -> ImageData | TextWindows:
    """Load the data all contestants train on.

    Args:
        run: The run; `contest.train_limit` keeps the first samples only.

    Returns:
        The data.
    """
    return load_data(run).limited(run.cfg.contest.train_limit, None)


def compete(run: Run, data: ImageData | TextWindows) -> Contestant:
    """Tune rate and weight decay in short trials on held-out training images, then train on all of them with the best.

    The trials use one seed of their own, so they are the same for all seeds of the contest and shared by them. All
    contestants get the same number of them, spent by the same rule (`_search.search`). The best is the most accurate of
    trials on images, and that of least loss of language models.

    Args:
        run: The run; `contest.trials` is the budget.
        data: What to train on.

    Returns:
        The trained contestant.

    Raises:
        InputError: If every trial diverged.
    """
    cfg, tuning, tuning_s = run.cfg.contest, [], 0.0
    run = _with_limit(run)
    held_out = data.validation_split(cfg.n_validation).limited(cfg.trials.train_limit, None)
    trusted_layout(run, held_out)  # here, lest an error of it pass for a rate that diverged

    def score(point: tuple[float, float]) -> float | None:
        nonlocal tuning_s
        entry = {
            "learning_rate": point[0],
            "weight_decay": point[1],
            "accuracy": None,
            "mean_loss": None,
            "missing": {},
        }
        tuning.append(entry)
        trial = run.with_settings(
            {
                "seed": cfg.tuning_seed,
                "optimizer.learning_rate": point[0],
                "optimizer.weight_decay": point[1],
                "training.epochs": cfg.trials.epochs,
                "training.train_limit": cfg.trials.train_limit,
                "training.n_held_out": cfg.n_validation,
                "place.snapshot_epochs": [],
            }
        )
        try:
            trained = trained_model(trial, held_out)
        except WriteError:  # no result of the trial
            raise
        except InputError as error:  # diverged: a result of the trial, not of the experiment
            entry["missing"] = dict.fromkeys(("accuracy", "mean_loss"), str(error))
            return None
        tuning_s += trained.wall_s
        entry["accuracy"], entry["mean_loss"] = (trained.summary[f"test_{key}"] for key in ("accuracy", "mean_loss"))
        return entry["accuracy"] if isinstance(data, ImageData) else -entry["mean_loss"]

    start = (cfg.start.learning_rate, run.cfg.optimizer.weight_decay)
    found = search(score, start, (cfg.trials.rate_factor, cfg.trials.decay_factor), cfg.trials.count)
    if found.scores[found.best] is None:
        raise InputError(f"contest.trials: training diverged at each of {list(found.scores)}; start from a lower rate")
    rate, decay = found.best
    best = run.with_settings({"optimizer.learning_rate": rate, "optimizer.weight_decay": decay})
    return Contestant(data, trained_model(best, data), tuning, rate, decay, found.is_inside, tuning_s)


def measured_exponents(run: Run, data: ImageData | TextWindows, exponent: str) -> dict[str, float]:
    """Measure each layer's exponent on a network trained by AdamW with the tuning seed.

    Args:
        run: The run; `contest.reference` is the optimiser's settings.
        data: The data.
        exponent: "alpha" or "s".

    Returns:
        Layer name to exponent; a layer that cannot be fitted, or whose exponent is not positive, takes the mean of the
        others.

    Raises:
        InputError: If no layer can be fitted.
    """
    reference = _with_limit(run).with_settings({"seed": run.cfg.contest.tuning_seed})
    reference.cfg.optimizer = copy.deepcopy(run.cfg.contest.reference)
    trained = trained_model(reference, data)
    layers = measure_spectra(reference, trained.model, draw_batches(reference, data))
    fitted = {layer["name"]: layer["fits"][exponent]["slope"] for layer in layers if layer["fits"]}
    found = {name: value for name, value in fitted.items() if value > 0}
    if not found:
        raise InputError("contest: no layer of the reference network has a positive exponent; widen the network")
    mean = sum(found.values()) / len(found)
    return {layer["name"]: found.get(layer["name"], mean) for layer in layers}


def _with_limit(run: Run) -> Run:
    # A checkpoint is named by the settings it depends on; how many images there are is one of them.
    return run.with_settings({"training.train_limit": run.cfg.contest.train_limit})
