"""A trained network, from its checkpoint if there is one."""

from dataclasses import dataclass, fields

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from experiments._runner import Run
from layercurv.data import ImageData, TrainingBatches, normalized_batches
from layercurv.errors import InputError
from layercurv.training import Trainer, TrainingSettings, build_optimizer, evaluate


@dataclass(frozen=True)
class TrainedModel:
    """A network after its last step, in eval mode, and how it got there."""

    model: nn.Module
    summary: dict  # for the record: accuracy and the loss curve
    wall_s: float  # seconds of training, over all runs that contributed
    commits: list[str]  # code that took the steps


def build(node: DictConfig):
    """Build what a configuration node's `_target_` names.

    Args:
        node: The node.

    Returns:
        What the target returns.

    Raises:
        InputError: As the target raised it, without Hydra's wrapping; or if the target does not take the node's keys.
    """
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise InputError(f"{node.get('_target_')} cannot be built: {error}") from error


def load_data(run: Run) -> ImageData:
    """Load the configured data set onto the run's device.

    Args:
        run: The run.

    Returns:
        The data.
    """
    return build(run.cfg.data).to(run.device)


def trained_model(run: Run, data: ImageData) -> TrainedModel:
    """Train the configured network, or take it from its checkpoint.

    Args:
        run: The run.
        data: What to train on.

    Returns:
        The trained network.
    """
    cfg = run.cfg
    torch.manual_seed(cfg.seed)
    model = build(cfg.model).to(run.device, memory_format=torch.channels_last)
    test = (data.test_images, data.test_labels, cfg.training.eval_batch_size)
    path, fingerprint = run.checkpoint("trained", "model", "data", "optimizer", "training", "device")
    trainer = Trainer(
        model=model,
        optimizer=build_optimizer(model, **OmegaConf.to_container(cfg.optimizer)),
        batches=TrainingBatches(data, cfg.training.batch_size, cfg.seed, cfg.training.crop_padding, cfg.training.flip),
        settings=TrainingSettings(**{field.name: cfg.training[field.name] for field in fields(TrainingSettings)}),
        checkpoint=path,
        fingerprint=fingerprint,
        evaluate=lambda: evaluate(model, normalized_batches(data, *test)),
        commits=[run.code],
    )
    history = trainer.run()
    summary = {
        "n_steps": trainer.n_steps,
        "test_accuracy": history[-1]["test_accuracy"],
        "test_mean_loss": history[-1]["test_mean_loss"],
        "history": history,
    }
    return TrainedModel(model, summary, trainer.wall_s, trainer.commits)
