"""Samples and network of the two experiments on sampling noise: a batch, a fresh one of its size, and a pool."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from experiments._build import load_data
from experiments._curvature import draw_batches
from experiments._kernels import DTYPES
from experiments._runner import Run
from experiments._training import TrainedModel, trained_model
from layercurv.curvature import CrossEntropy, Directions, Moments, WeightLayer, mean_gradients, sweep
from layercurv.data import ImageData, TextWindows, sample_windows
from layercurv.errors import InputError
from layercurv.training import load_checkpoint, save_checkpoint, weights_checksum

_DEPENDS_ON = ("model", "data", "optimizer", "training", "device", "curvature", "sampling")

Batches = list[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Sampled:
    """A network and three disjoint sets of samples."""

    model: nn.Module  # in eval mode, in the precision of the measurement
    trained: TrainedModel
    data: ImageData | TextWindows
    batch: Batches  # B samples: they give the gradient
    fresh: Batches  # B others
    pool: Batches  # many others, for the gradient without noise

    def facts(self) -> dict:
        """Give what both experiments record of network and samples.

        Returns:
            The keys `n_samples`, `n_pool`, `labels_per_sample`, `weights_sha256` and `training`.
        """
        targets = self.batch[0][1]
        return {
            "n_samples": sum(len(labels) for _, labels in self.batch),
            "n_pool": sum(len(labels) for _, labels in self.pool),
            "labels_per_sample": targets[0].numel(),
            "weights_sha256": weights_checksum(self.model),
            "training": self.trained.summary,
        }

    def provenance(self, measurement_s: float) -> dict:
        """Give what a record adds to the provenance.

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


def prepare_samples(run: Run) -> Sampled:
    """Draw the samples and train the network unless its checkpoint is there.

    Args:
        run: The run; `sampling.epoch` names the epoch whose weights are measured, null the last. With
            `sampling.start_token` a language model writes the samples itself.

    Returns:
        Network and samples.

    Raises:
        InputError: If the batch is no whole number of micro-batches, or what is no language model is to write.
    """
    cfg, data = run.cfg, load_data(run)
    B, micro = cfg.curvature.n_samples, cfg.curvature.micro_batch
    if B % micro:
        raise InputError(f"curvature.n_samples: expected a multiple of curvature.micro_batch ({micro}), got {B}")
    reserved, n_pool = cfg.sampling.n_reserved, cfg.sampling.n_pool
    if reserved < 2 * B or reserved % micro:
        raise InputError(
            f"sampling.n_reserved: expected a multiple of curvature.micro_batch ({micro}) from {2 * B} on (batch and "
            f"fresh samples), got {reserved}"
        )
    drawn, n = draw_batches(run, data, reserved + n_pool), B // micro
    trained = trained_model(run, data)
    epoch = cfg.sampling.epoch
    model = trained.model if epoch is None else trained.at_epoch(epoch)
    model = model.to(DTYPES[cfg.curvature.dtype])
    if cfg.sampling.start_token is not None:
        data = _written_by(run, model, data, reserved + n_pool)
        drawn = draw_batches(run, data, reserved + n_pool)
    return Sampled(model, trained, data, drawn[:n], drawn[n : 2 * n], drawn[reserved // micro :])


def _written_by(run: Run, model: nn.Module, data: ImageData | TextWindows, n_windows: int) -> TextWindows:
    # once for both experiments
    path, fingerprint = run.checkpoint("windows", *_DEPENDS_ON)
    found = load_checkpoint(path, fingerprint, run.device)
    if found is None:
        if not isinstance(data, TextWindows) or data.train_targets.dim() == 1:
            raise InputError(f"sampling.start_token: expected null, since {run.cfg.model._target_} writes no text")
        length, token = data.train_inputs.shape[1], run.cfg.sampling.start_token
        found = vars(sample_windows(model, n_windows, length, token, run.cfg.seed))
        save_checkpoint(path, found, fingerprint)
    return TextWindows(**found)


def sweep_once(run: Run, model: nn.Module, batches: Batches, layers: list[WeightLayer], *visitors) -> None:
    """Feed visitors from one pass, with the configured columns of the loss Hessian's root.

    Args:
        run: The run; `sampling.sampled_columns` random columns per micro-batch, null all.
        model: The network.
        batches: Micro-batches.
        layers: The layers.
        *visitors: What accumulates.
    """
    sweep(
        model, CrossEntropy(), batches, layers, visitors, n_sampled=run.cfg.sampling.sampled_columns, seed=run.cfg.seed
    )


def pool_gradients(run: Run, sampled: Sampled, layers: list[WeightLayer]) -> dict[str, torch.Tensor]:
    """Give the pool's mean gradient, computed once for all batches of a network.

    Args:
        run: The run.
        sampled: Network and samples.
        layers: The layers.

    Returns:
        Layer name to dL/dW, [m, n] float64.
    """
    cfg = run.cfg.sampling
    path, fingerprint = run.checkpoint("pool", "model", "data", "optimizer", "training", "device")
    key = f"{cfg.epoch} {cfg.n_reserved} {cfg.n_pool} {run.cfg.curvature.dtype} {[layer.name for layer in layers]}"
    if cfg.start_token is not None:
        key += f" written by the network after {cfg.start_token}"
    path = path.with_name(f"pool-{hashlib.sha256((key + fingerprint).encode()).hexdigest()[:16]}.pt")
    found = load_checkpoint(path, fingerprint, run.device)
    if found is None:
        found = mean_gradients(sampled.model, CrossEntropy(), sampled.pool, layers)
        save_checkpoint(path, found, fingerprint)
    return found


def joined(parts: list[Directions]) -> Directions:
    """Put sets of directions of one layer side by side.

    Args:
        parts: The sets.

    Returns:
        All of them.
    """
    return Directions(
        torch.cat([part.singular_values for part in parts]),
        torch.cat([part.left for part in parts], 1),
        torch.cat([part.right for part in parts], 1),
        torch.cat([part.is_null for part in parts]),
    )


def split(moments: Moments, sizes: list[int]) -> list[Moments]:
    """Undo `joined` for what was measured along the directions.

    Args:
        moments: Along all of them.
        sizes: K of each set.

    Returns:
        Moments of each set.
    """
    none = [None] * len(sizes)
    parts = (moments.mean.split(sizes), moments.second_moment.split(sizes))
    ggn = none if moments.ggn is None else moments.ggn.split(sizes)
    return [Moments(*part, moments.n_samples) for part in zip(*parts, ggn, strict=True)]


def in_groups(
    run: Run, name: str, layers: list[WeightLayer], measure: Callable[[list[WeightLayer]], list[dict]]
) -> list[dict]:
    """Measure some layers at a time; a run that was interrupted goes on with the next group.

    Args:
        run: The run; `sampling.layers_at_once` bounds memory, null takes all layers at once.
        name: Of the checkpoint.
        layers: All layers.
        measure: Gives one entry of plain values per layer.

    Returns:
        One entry per layer.
    """
    path, fingerprint = run.checkpoint(name, *_DEPENDS_ON)
    entries = (load_checkpoint(path, fingerprint, run.device) or {"entries": []})["entries"]
    size = run.cfg.sampling.layers_at_once or len(layers)
    while len(entries) < len(layers):
        entries += measure(layers[len(entries) : len(entries) + size])
        save_checkpoint(path, {"entries": entries}, fingerprint)
    return entries
