"""A trained network, from its checkpoint if there is one."""

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from omegaconf import OmegaConf
from torch import nn

from experiments._build import build, training_batches
from experiments._kernels import trusted_layout
from experiments._runner import Run
from layercurv.data import ImageData, TextWindows
from layercurv.errors import InputError
from layercurv.exchange import Exchange
from layercurv.optim import build_optimizer
from layercurv.training import Trainer, TrainingSettings, evaluate, load_checkpoint, put_aside

TOLD = ("step", "history", "wall_s", "commits", "epoch_wall_s", "epoch_processor_s")  # by who trained
TRAINED_BY = ("model", "data", "optimizer", "training", "device")  # what a trained network depends on


@dataclass(frozen=True)
class TrainedModel:
    """A network after its last step, in eval mode, and how it got there."""

    model: nn.Module
    summary: dict  # for the record: accuracy and the loss curve
    wall_s: float  # seconds of training, over all runs that contributed
    commits: list[str]  # code that took the steps
    snapshots: dict[int, Path]  # epoch to the file with the weights it ended with; 0 the start
    fingerprint: str  # of the configuration it was trained with
    epoch_wall_s: list[float]  # seconds of training at the end of each epoch
    epoch_processor_s: list[float]  # likewise, of processor time
    exchange: Exchange  # the processes that hold this network

    def at_epoch(self, epoch: int) -> nn.Module:
        """Put the weights of an earlier epoch into the network.

        Args:
            epoch: One of `place.snapshot_epochs`; 0 is the initialisation.

        Returns:
            The network itself, in eval mode.

        Raises:
            InputError: If these weights were not kept, or are gone or damaged.
        """
        state = self.exchange.from_first(lambda: self._snapshot(epoch))
        self.model.load_state_dict(state)
        return self.model.eval()

    def _snapshot(self, epoch: int) -> dict:
        device = next(self.model.parameters()).device
        path = self.snapshots.get(epoch)
        if path is None:
            raise InputError(
                f"epoch {epoch}: expected its weights among the checkpoints, found none; they are kept while training, "
                "for epochs in place.snapshot_epochs: add it there, delete this network's checkpoint, and train again"
            )
        state = load_checkpoint(path, self.fingerprint, device)
        if state is None:
            aside = put_aside(path.with_suffix("").with_suffix(path.suffix), "incomplete")
            raise InputError(
                f"{path}: expected the weights of epoch {epoch}, found none that are whole; the end of training is "
                f"put aside as {aside.name}, and the same command trains it again"
            )
        return state["model"]


def trained_model(run: Run, data: ImageData | TextWindows) -> TrainedModel:
    """Train the configured network, or take it from its checkpoint; with `training=none` it comes trained.

    Args:
        run: The run.
        data: What to train on.

    Returns:
        The trained network.
    """
    cfg = run.cfg
    if cfg.training.get("pretrained"):
        return _pretrained_model(run, data)
    trainer = build_trainer(run, data)
    together = run.cfg.training.get("processes", 1) > 1
    history = trainer.run() if together else _trained_by_the_first(run, trainer)
    summary = {
        "n_steps": trainer.n_steps,
        "test_accuracy": history[-1]["test_accuracy"],
        "test_mean_loss": history[-1]["test_mean_loss"],
        "history": history,
    }
    kept = {epoch: path for epoch, path in trainer.snapshots.items() if epoch <= cfg.training.epochs}
    return TrainedModel(
        trainer.model,
        summary,
        trainer.wall_s,
        trainer.commits,
        kept,
        trainer.fingerprint,
        trainer.epoch_wall_s,
        trainer.epoch_processor_s,
        run.exchange,
    )


def _trained_by_the_first(run: Run, trainer: Trainer) -> list[dict]:
    # As one process alone trains it; the others get the network and how it got there.
    def train() -> dict:
        trainer.run()
        return {"weights": trainer.model.state_dict()} | {name: getattr(trainer, name) for name in TOLD}

    found = run.exchange.from_first(train)
    if not run.exchange.is_first:
        trainer.model.load_state_dict(found["weights"])
        trainer.model.eval()
        for name in TOLD:
            setattr(trainer, name, found[name])
    return trainer.history


def _pretrained_model(run: Run, data: ImageData | TextWindows) -> TrainedModel:
    layout = trusted_layout(run, data)
    model = build(run.cfg.model).to(run.device, memory_format=layout).eval()
    found = run.exchange.from_first(lambda: evaluate(model, data.test_batches(run.cfg.training.eval_batch_size)))
    accuracy = {"test_accuracy": found["accuracy"], "test_mean_loss": found["mean_loss"]}
    summary = {"n_steps": 0, **accuracy, "history": []}
    return TrainedModel(model, summary, 0.0, [run.code], {}, "", [], [], run.exchange)


def build_trainer(run: Run, data: ImageData | TextWindows) -> Trainer:
    """Build network, optimiser and batches, ready to train.

    Args:
        run: The run.
        data: What to train on.

    Returns:
        The trainer.
    """
    cfg, layout = run.cfg, trusted_layout(run, data)
    torch.manual_seed(cfg.seed)
    model = build(cfg.model).to(run.device, memory_format=layout)
    path, fingerprint = run.checkpoint("trained", *TRAINED_BY)
    return Trainer(
        model=model,
        optimizer=build_optimizer(model, **OmegaConf.to_container(cfg.optimizer, resolve=True)),
        batches=training_batches(run, data),
        settings=TrainingSettings(**{field.name: cfg.training[field.name] for field in fields(TrainingSettings)}),
        checkpoint=path,
        fingerprint=fingerprint,
        evaluate=lambda: evaluate(model, data.test_batches(cfg.training.eval_batch_size)),
        commits=[run.code],
        exchange=run.exchange if cfg.training.get("processes", 1) > 1 else Exchange.of_one(),
        snapshots={epoch: path.with_suffix(f".epoch{epoch}.pt") for epoch in cfg.place.snapshot_epochs},
    )
