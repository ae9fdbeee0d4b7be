"""Directions, curvatures and Kronecker factors of all layers of one network, resumable between micro-batches."""

import time
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import nn

from experiments._kernels import DTYPES, trusted_layout
from experiments._runner import Run
from layercurv.curvature import (
    ENGINES,
    CrossEntropy,
    Directions,
    GGNCurvature,
    KroneckerFactors,
    LayerCurvature,
    WeightLayer,
    chosen_engines,
    directional_curvature,
    gradient_directions,
    sweep,
    weight_layers,
)
from layercurv.curvature.tape import network_output
from layercurv.data import ImageData, TextWindows
from layercurv.errors import InputError, choose
from layercurv.training import load_checkpoint, progress_bar, save_checkpoint

NOISE_FLOOR = 1e-3  # of a layer's largest curvature: errors are compared with no less than that


@dataclass(frozen=True)
class MeasuredLayers:
    """Everything measured on one network; dictionaries are keyed by layer name."""

    layers: list[WeightLayer]
    directions: dict[str, Directions]
    curvatures: dict[str, LayerCurvature]
    factors: KroneckerFactors
    engine_check: dict[str, dict]
    mean_loss: float  # on the measured samples
    wall_s: float


def chosen_layers(run: Run, model: nn.Module) -> list[WeightLayer]:
    """List the weight layers to be measured.

    Args:
        run: The run; without `curvature.layers`, a list of patterns such as "layer4.*", all are.
        model: The network.

    Returns:
        The layers, in the order the network registers them.

    Raises:
        InputError: If a pattern fits no layer; the message lists all layers.
    """
    layers = weight_layers(model)
    patterns = list(run.cfg.curvature.get("layers") or ["*"])
    for pattern in patterns:
        if not any(fnmatchcase(layer.name, pattern) for layer in layers):
            known = ", ".join(layer.name for layer in layers)
            raise InputError(f"curvature.layers: no weight layer fits {pattern!r}; the network has: {known}")
    return [layer for layer in layers if any(fnmatchcase(layer.name, pattern) for pattern in patterns)]


def draw_batches(
    run: Run, data: ImageData | TextWindows, n_samples: int | None = None
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Check the settings and draw the samples curvature is measured on, before anything expensive.

    Args:
        run: The run.
        data: The data set.
        n_samples: How many; None takes `curvature.n_samples`. Fewer are the first of more.

    Returns:
        Micro-batches of inputs and labels.

    Raises:
        InputError: If a setting is out of range.
    """
    cfg = run.cfg.curvature
    for key in ("top_k", "micro_batch", "check_samples", "check_directions"):
        if cfg[key] < 1:
            raise InputError(f"curvature.{key}: expected a positive integer, got {cfg[key]}")
    if cfg.engine not in ENGINES:
        raise InputError(f"curvature.engine: expected one of {', '.join(ENGINES)}, got {cfg.engine!r}")
    dtype = choose("curvature.dtype", cfg.dtype, DTYPES)
    drawn = data.measurement_batches(n_samples or cfg.n_samples, cfg.micro_batch, run.cfg.seed)
    layout = trusted_layout(run, data, n_samples)
    if not drawn[0][0].is_floating_point():
        return drawn
    return [(inputs.to(dtype, memory_format=layout), labels) for inputs, labels in drawn]


def measure_layers(run: Run, model: nn.Module, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> MeasuredLayers:
    """Measure every weight layer of a network.

    Args:
        run: The run.
        model: The trained network, in eval mode; it is cast to the configured precision.
        batches: What `draw_batches` returned.

    Returns:
        The measurements.

    Raises:
        InputError: If the engine in use is not exact for a layer, or disagrees with double backpropagation on the check
            samples.
    """
    started = time.perf_counter()
    cfg, loss = run.cfg.curvature, CrossEntropy()
    model = model.to(DTYPES[cfg.dtype])
    layers = chosen_layers(run, model)
    directions = gradient_directions(model, loss, batches, layers, cfg.top_k)
    check, engines = check_engines(run, model, batches[0], directions)
    factors, found, visitors = KroneckerFactors(layers), {}, []
    if sampled := cfg.get("sampled_columns"):
        elsewhere = ("ggn", "tangent", "double_backward")  # random columns serve the factors only
    else:
        elsewhere = ("tangent", "double_backward")
        visitors = [GGNCurvature([layer for layer in layers if engines[layer.name] == "ggn"], directions, slopes=True)]
    wall_before = _sweep_resumably(run, model, batches, layers, [*visitors, factors], sampled)
    for visitor in visitors:
        found |= visitor.result()
    for engine in elsewhere:
        some = {name: directions[name] for name in engines if engines[name] == engine}
        if some:
            found |= directional_curvature(model, loss, batches, some, engine, slopes=True)
    mean_loss = _mean_loss(model, batches)
    wall_s = wall_before + time.perf_counter() - started
    return MeasuredLayers(layers, directions, found, factors, check, mean_loss, wall_s)


def check_engines(
    run: Run, model: nn.Module, batch: tuple, directions: dict[str, Directions]
) -> tuple[dict[str, dict], dict[str, str]]:
    """Compare the engine in use with double backpropagation on a few samples and directions of every layer.

    Args:
        run: The run.
        model: The network.
        batch: The micro-batch whose first samples are used.
        directions: All directions.

    Returns:
        Layer name to `{"k", "found", "double_backward", "max_relative_difference"}`, with k from 1; and layer name to
        the engine that the configuration comes to.

    Raises:
        InputError: If the engine is not exact for a layer, or off by more than `curvature.check_tolerance`.
    """
    cfg, loss = run.cfg.curvature, CrossEntropy()
    samples = [tuple(part[: cfg.check_samples] for part in batch)]
    engines = chosen_engines(model, loss, samples[0][0], directions, cfg.engine)
    chosen = {name: evenly_spread(found, cfg.check_directions) for name, found in directions.items()}
    some = {name: subset(directions[name], index) for name, index in chosen.items()}
    exact = directional_curvature(model, loss, samples, some, "double_backward")
    checked = {}
    for engine in set(engines.values()):
        part = {name: some[name] for name in engines if engines[name] == engine}
        checked |= directional_curvature(model, loss, samples, part, engine)
    result = {}
    for name, index in chosen.items():
        h, reference = checked[name].curvatures, exact[name].curvatures
        difference = float(((h - reference).abs() / _above_noise(reference)).max())
        if not difference <= cfg.check_tolerance:
            raise InputError(
                f"layer {name}: the {engines[name]} engine is off by {difference:.2g} (relative) from double "
                "backpropagation on the check samples; use curvature.engine=double_backward, or "
                "curvature.dtype=float64"
            )
        result[name] = {
            "k": [i + 1 for i in index],
            "found": h.tolist(),
            "double_backward": reference.tolist(),
            "max_relative_difference": difference,
        }
    return result, engines


def _above_noise(reference: torch.Tensor) -> torch.Tensor:
    # A curvature far below the layer's largest carries the rounding errors of that one.
    floor = NOISE_FLOOR * reference.abs().max()
    return reference.abs().clamp_min(max(float(floor), torch.finfo(reference.dtype).tiny))


def _sweep_resumably(run: Run, model, batches, layers, visitors, n_sampled: int | None) -> float:
    # Returns the seconds that earlier, interrupted runs spent sweeping.
    path, fingerprint = run.checkpoint("sums", "model", "data", "optimizer", "training", "device", "curvature")
    state = load_checkpoint(path, fingerprint, run.device) or {"n_done": 0, "wall_s": 0.0}
    for visitor, saved in zip(visitors, state.get("visitors", []), strict=False):
        visitor.load_state_dict(saved)
    started = saved_at = time.perf_counter()
    with progress_bar() as bar:
        task = bar.add_task("measuring", total=len(batches), completed=state["n_done"], note="micro-batches")

        def after_batch(n_done: int) -> None:
            nonlocal saved_at
            bar.update(task, completed=n_done)
            now = time.perf_counter()
            if now - saved_at >= run.cfg.curvature.checkpoint_s:
                done = {"n_done": n_done, "wall_s": state["wall_s"] + now - started}
                save_checkpoint(path, done | {"visitors": [v.state_dict() for v in visitors]}, fingerprint)
                saved_at = time.perf_counter()

        sweep(
            model,
            CrossEntropy(),
            batches,
            layers,
            visitors,
            state["n_done"],
            after_batch,
            n_sampled=n_sampled,
            seed=run.cfg.seed,
        )
    return state["wall_s"]


def evenly_spread(directions: Directions, count: int) -> list[int]:
    """Choose directions from first to last, null ones left out.

    Args:
        directions: All directions.
        count: How many; fewer if there are not so many.

    Returns:
        Indices from 0.
    """
    usable = (~directions.is_null).nonzero().squeeze(1)
    positions = torch.linspace(0, len(usable) - 1, min(count, len(usable))).round().long()
    return usable.cpu()[positions].tolist()


def subset(directions: Directions, index: list[int]) -> Directions:
    """Take some of the directions.

    Args:
        directions: All directions.
        index: Which, from 0.

    Returns:
        These, in the order given.
    """
    return Directions(
        directions.singular_values[index],
        directions.left[:, index],
        directions.right[:, index],
        directions.is_null[index],
    )


@torch.no_grad()
def _mean_loss(model: nn.Module, batches: list) -> float:
    loss = CrossEntropy()
    sum_loss = sum(float(loss.sum_loss(network_output(model, inputs), labels)) for inputs, labels in batches)
    return sum_loss / sum(len(labels) for _, labels in batches)
