"""What the configuration says about measuring curvature: which layers, on which samples, checked how."""

import torch
from torch import nn

from experiments._kernels import DTYPES, trusted_layout
from experiments._runner import Run
from layercurv.curvature import ENGINES, CrossEntropy, WeightLayer
from layercurv.data import ImageData, TextWindows
from layercurv.errors import InputError, choose
from layercurv.measure import AlphaMap, Check, Engines, alpha_map, matching_layers


def layer_patterns(run: Run) -> list[str]:
    """Say which layers are to be measured.

    Args:
        run: The run.

    Returns:
        `curvature.layers`, a list of patterns such as "layer4.*"; without it, all.
    """
    return list(run.cfg.curvature.get("layers") or ["*"])


def chosen_layers(run: Run, model: nn.Module) -> list[WeightLayer]:
    """List the weight layers to be measured.

    Args:
        run: The run.
        model: The network.

    Returns:
        The layers, in the order the network registers them.
    """
    return matching_layers(model, layer_patterns(run))


def engines(run: Run, model: nn.Module, batches: list) -> Engines:
    """Give what measures a network on some samples, in all processes of the run together.

    Args:
        run: The run.
        model: The network, in eval mode.
        batches: Micro-batches.

    Returns:
        The engines.
    """
    return Engines(model, CrossEntropy(), batches, run.exchange)


def engine_check(run: Run) -> Check:
    """Say how engines are held against double backpropagation.

    Args:
        run: The run.

    Returns:
        The check.
    """
    cfg = run.cfg.curvature
    return Check(cfg.check_samples, cfg.check_directions, cfg.check_tolerance)


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
    if len(drawn) < run.exchange.size:
        raise InputError(
            f"curvature.micro_batch: expected at least one micro-batch for each of {run.exchange.size} processes, got "
            f"{len(drawn)} of at most {cfg.micro_batch} samples; make them smaller, or start fewer processes"
        )
    layout = trusted_layout(run, data, n_samples)
    if not drawn[0][0].is_floating_point():
        return drawn
    return [(inputs.to(dtype, memory_format=layout), labels) for inputs, labels in drawn]


def measure_layers(run: Run, model: nn.Module, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> AlphaMap:
    """Measure every weight layer of a network, Kronecker factors and the check of the engines included.

    Args:
        run: The run; what an interrupted one found is taken up.
        model: The trained network, in eval mode; it is cast to the configured precision.
        batches: What `draw_batches` returned.

    Returns:
        The measurements.
    """
    cfg = run.cfg.curvature
    path, _ = run.checkpoint("sums", "model", "data", "optimizer", "training", "device", "curvature")
    return alpha_map(
        model.to(DTYPES[cfg.dtype]),
        CrossEntropy(),
        batches,
        cfg.top_k,
        layers=layer_patterns(run),
        engine=cfg.engine,
        sampled_columns=cfg.get("sampled_columns"),
        check=engine_check(run),
        seed=run.cfg.seed,
        checkpoint=path,
        checkpoint_s=cfg.checkpoint_s,
        exchange=run.exchange,
    )


def measure_spectra(run: Run, model: nn.Module, batches: list) -> list[dict]:
    """Measure curvature along the leading gradient directions of every layer, and no more.

    Args:
        run: The run.
        model: The network, in eval mode.
        batches: Micro-batches.

    Returns:
        One spectrum entry per layer.
    """
    given = model, CrossEntropy(), batches, run.cfg.curvature.top_k
    options = {"decompose": False, "check": None, "exchange": run.exchange}
    return alpha_map(*given, layers=layer_patterns(run), **options).entries
