"""The training loop: deterministic in (seed, step), so that a resumed run repeats an uninterrupted one bit for bit."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from layercurv.errors import InputError, choose
from layercurv.exchange import Exchange
from layercurv.training.checkpoint import load_checkpoint, save_checkpoint
from layercurv.training.data_parallel import data_parallel, my_part
from layercurv.training.evaluate import logits_of, sum_cross_entropy
from layercurv.training.progress import progress_bar
from layercurv.training.schedule import cosine_with_warmup

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}


class Batches(Protocol):
    """What the loop needs of a data source."""

    steps_per_epoch: int

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs and labels of one global step."""


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how to train."""

    epochs: int
    warmup_epochs: float  # may be a fraction
    label_smoothing: float
    precision: str  # a key of PRECISIONS; weights stay float32, products run in this type under autocast
    checkpoint_s: float  # seconds between checkpoints within an epoch


@dataclass
class Trainer:
    """Trains a model and can be killed at any time.

    Every random draw depends on the seed and the step alone (see `data.batches`), so the state to save is the model,
    the optimiser, the schedule, the step and the history. On the CPU a resumed run is bit-identical to one that was
    never interrupted.

    Several processes train one model by DistributedDataParallel (see `data_parallel`): each takes its part of every
    batch, the same for a number of processes. All of them call `run`; the first one evaluates, prints and saves.
    """

    model: nn.Module
    optimizer: Optimizer
    batches: Batches
    settings: TrainingSettings
    checkpoint: Path
    fingerprint: str
    evaluate: Callable[[], dict[str, float]]  # called at the end of each epoch
    commits: list[str]  # the code taking the steps; a resumed run adds that of the runs before it
    exchange: Exchange = field(default_factory=Exchange.of_one)  # the processes that train together
    snapshots: dict[int, Path] = field(default_factory=dict)  # epoch to the file that keeps its weights; 0 the start
    step: int = 0
    wall_s: float = 0.0  # training time over all runs that led here
    history: list[dict] = field(default_factory=list)
    epoch_wall_s: list[float] = field(default_factory=list)  # training time at the end of each epoch
    processor_s: float = 0.0  # processor time of this process, over all runs that led here
    epoch_processor_s: list[float] = field(default_factory=list)  # likewise, at the end of each epoch
    _epoch_losses: list[float] = field(default_factory=list)

    def __post_init__(self):
        """Check the settings and build the schedule.

        Raises:
            InputError: If a setting is out of range, or the network or batch cannot be split over the processes.
        """
        self._network = self.model
        if self.exchange.size > 1:
            self._network = data_parallel(self.model, self.exchange)
            self.fingerprint = hashlib.sha256(f"{self.fingerprint} {self.exchange.size} processes".encode()).hexdigest()
        if self.settings.epochs < 1:
            raise InputError(f"training.epochs: expected at least 1, got {self.settings.epochs}")
        self._autocast_dtype = choose("training.precision", self.settings.precision, PRECISIONS)
        warmup_steps = round(self.settings.warmup_epochs * self.batches.steps_per_epoch)
        self._scheduler = cosine_with_warmup(self.optimizer, self.n_steps, warmup_steps)

    @property
    def n_steps(self) -> int:
        """Steps of the whole run."""
        return self.settings.epochs * self.batches.steps_per_epoch

    def run(self) -> list[dict]:
        """Train to the end, from the checkpoint if there is one.

        Returns:
            One entry per epoch: `{"epoch", "train_mean_loss", "learning_rate", "test_accuracy", "test_mean_loss"}`;
            the training loss is the mean over the epoch's steps, augmentation and label smoothing included.

        Raises:
            InputError: If the loss is not finite, or the checkpoint is not of this run.
        """
        self._restore()
        if self.step == 0:
            self._keep_weights(0)
        started = saved = time.perf_counter()
        started_processor = time.process_time()
        wall_before, processor_before = self.wall_s, self.processor_s
        with progress_bar(is_shown=self.exchange.is_first) as bar:
            task = bar.add_task("training", total=self.n_steps, completed=self.step, note="")
            while self.step < self.n_steps:
                self._epoch_losses.append(self._take_step())
                ends_epoch = self.step % self.batches.steps_per_epoch == 0
                self.processor_s = processor_before + time.process_time() - started_processor
                if ends_epoch:
                    self.epoch_wall_s.append(wall_before + time.perf_counter() - started)
                    self.epoch_processor_s.append(self.processor_s)
                    self._close_epoch()
                now = time.perf_counter()
                self.wall_s = wall_before + now - started
                if ends_epoch or now - saved >= self.settings.checkpoint_s:
                    self._save()
                    saved = time.perf_counter()
                bar.update(task, completed=self.step, note=self._note())
        if self.exchange.size > 1:  # statistics of normalisation are those of the first process
            self.model.load_state_dict(self.exchange.from_first(self.model.state_dict))
        self.model.eval()
        return self.history

    def _take_step(self) -> float:
        self.model.train()
        inputs, labels = my_part(self.batches.batch(self.step), self.exchange)
        with torch.autocast(inputs.device.type, self._autocast_dtype, enabled=self._autocast_dtype is not None):
            logits = logits_of(self._network, inputs)
        mean_loss = sum_cross_entropy(logits.float(), labels, self.settings.label_smoothing) / labels.numel()
        self.optimizer.zero_grad(set_to_none=True)
        mean_loss.backward()
        self.optimizer.step()
        self._scheduler.step()
        self.step += 1
        loss = float(self.exchange.sums([mean_loss.detach()])[0]) / self.exchange.size
        if not loss < float("inf"):
            raise InputError(
                f"training diverged: loss {loss} at step {self.step} of {self.n_steps}; lower optimizer.learning_rate"
            )
        return loss

    def _close_epoch(self) -> None:
        measured = self.exchange.from_first(self.evaluate)
        self.history.append(
            {
                "epoch": self.step // self.batches.steps_per_epoch,
                "train_mean_loss": sum(self._epoch_losses) / len(self._epoch_losses),
                "learning_rate": self._scheduler.get_last_lr()[0],
                "test_accuracy": measured["accuracy"],
                "test_mean_loss": measured["mean_loss"],
            }
        )
        self._epoch_losses.clear()
        self._keep_weights(self.history[-1]["epoch"])

    def _keep_weights(self, epoch: int) -> None:
        if epoch in self.snapshots and self.exchange.is_first:
            save_checkpoint(self.snapshots[epoch], {"model": self.model.state_dict()}, self.fingerprint)

    def _note(self) -> str:
        if not self.history:
            return ""
        return f"epoch {self.history[-1]['epoch']}: test accuracy {self.history[-1]['test_accuracy']:.3f}"

    def _save(self) -> None:
        if not self.exchange.is_first:
            return
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
            "step": self.step,
            "wall_s": self.wall_s,
            "commits": self.commits,
            "history": self.history,
            "epoch_wall_s": self.epoch_wall_s,
            "processor_s": self.processor_s,
            "epoch_processor_s": self.epoch_processor_s,
            "epoch_losses": self._epoch_losses,
        }
        save_checkpoint(self.checkpoint, state, self.fingerprint)

    def _restore(self) -> None:
        device = next(self.model.parameters()).device
        state = self.exchange.from_first(lambda: load_checkpoint(self.checkpoint, self.fingerprint, device))
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        self.step, self.wall_s = state["step"], state["wall_s"]
        if self.exchange.is_first:
            print(f"training goes on from step {self.step} of {self.n_steps} ({self.checkpoint})")
        if self.step == self.n_steps:
            self.commits = state["commits"]  # nothing left for the code of today to do
        else:
            self.commits = list(dict.fromkeys(state["commits"] + self.commits))
        self.history, self._epoch_losses = state["history"], state["epoch_losses"]
        self.epoch_wall_s = state.get("epoch_wall_s", [])
        self.processor_s, self.epoch_processor_s = state.get("processor_s", 0.0), state.get("epoch_processor_s", [])
