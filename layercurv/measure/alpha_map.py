"""The common job in one call: alpha of every layer of a network."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layercurv.curvature import ENGINES
from layercurv.curvature.batches import as_batches
from layercurv.curvature.directions import require_top_k
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.whole import require_whole
from layercurv.errors import InputError
from layercurv.exchange import Exchange
from layercurv.measure.check import Check
from layercurv.measure.entry import decomposition_entry, spectrum_entry
from layercurv.measure.measurement import Measurement, measured_on
from layercurv.measure.result import AlphaMap
from layercurv.measure.selection import matching_layers
from layercurv.results.provenance import hardware, package_versions

DEFAULT_CHECK = Check()


def alpha_map(
    model: nn.Module,
    loss: Loss | nn.Module,
    batches: Iterable[Any],
    top_k: int = 20,
    *,
    layers: str | Sequence[str] = "*",
    engine: str = "auto",
    decompose: bool = True,
    sampled_columns: int | None = None,
    check: Check | None = DEFAULT_CHECK,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_s: float = 20.0,
    bar: bool = True,
    exchange: Exchange | None = None,
) -> AlphaMap:
    """Measure with which power of its singular value every gradient direction of every layer curves.

    For each layer: the K leading singular triplets (u_k, sigma_k, v_k) of the mean gradient, the exact curvature
    h_k = vec(u_k v_k^T)^T H vec(u_k v_k^T) along each, and alpha, the slope of log h on log sigma.

    Args:
        model: The network, in eval mode.
        loss: A loss of any kind that `as_loss` takes; its mean over all samples is what is differentiated.
        batches: Micro-batches of any kind that `Batches` takes. They are gone through several times: a list is used as
            it is, anything else is read once into memory, so that all stages see the same samples.
        top_k: K, directions per layer; fewer where a layer has fewer.
        layers: Names of the layers measured, with wildcards: "blocks.*.attn.*", or several such; see `matching_layers`.
        engine: As for `directional_curvature`.
        decompose: Whether to measure Kronecker factors and split alpha into five slopes.
        sampled_columns: Random columns of the loss Hessian's root for the Kronecker factors. None takes all of them,
            or 8 random ones where there are more than 1000 (a language model).
        check: How the engine is compared with double backpropagation beforehand; None leaves it out.
        seed: Of the random columns.
        checkpoint: A file that keeps what is found; the same call goes on from it, and ends with the same numbers.
        checkpoint_s: Seconds between saves while sums grow.
        bar: Whether to show a progress bar, where tqdm is installed and stderr is a terminal. Otherwise, and without
            tqdm, progress goes to the logger "layercurv".
        exchange: The processes that measure together, `Exchange(group)`; all of them call this with the same arguments
            and get the same map. None measures alone.

    Returns:
        The map.

    Raises:
        InputError: If something cannot be measured; the message names the layer and says why.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4)).double().eval()
        >>> batch = torch.randn(32, 8, dtype=torch.float64), torch.randint(4, (32,))
        >>> found = alpha_map(model, nn.CrossEntropyLoss(), [batch], top_k=4)
        >>> [(layer.name, layer.engine) for layer in found]
        [('0', 'ggn'), ('2', 'ggn')]
    """
    if engine not in ENGINES:
        raise InputError(f"engine: expected one of {', '.join(ENGINES)}, got {engine!r}")
    require_top_k(top_k)
    if isinstance(batches, (torch.Tensor, Mapping)):
        as_batches(batches)  # says what is wrong
    samples = batches if isinstance(batches, Sequence) else list(batches)
    as_batches(samples).first()
    chosen = matching_layers(model, layers)
    exchange = exchange or Exchange.of_one()
    exchange.together(lambda: require_whole(model))
    asked = {"top_k": top_k, "engine": engine, "decompose": decompose, "sampled_columns": sampled_columns, "seed": seed}
    exchange.require_same(layers=[layer.name for layer in chosen], **asked)
    given = chosen, top_k, engine, decompose, sampled_columns, check, seed, bar and exchange.is_first, exchange
    measurement = Measurement(model, as_loss(loss), samples, *given)
    saved = measured_on(checkpoint, measurement, checkpoint_s)
    measurement.require_same_code(saved)
    directions = measurement.directions(saved)
    checks, engines = measurement.engines(saved, directions)
    curvatures, kronecker = measurement.curvatures(saved, directions, engines)
    entries = []
    for depth, layer in enumerate(chosen, start=1):
        entry = spectrum_entry(depth, layer, directions[layer.name], curvatures[layer.name])
        entry |= decomposition_entry(entry, kronecker[layer.name]) if decompose else {}
        entries.append(entry | ({"engine_check": checks[layer.name]} if check else {}))
    n_samples = curvatures[chosen[0].name].n_samples
    mean_loss = measurement.mean_loss(saved)
    return AlphaMap(entries, n_samples, mean_loss, saved.wall_s, _provenance(measurement))


def _provenance(measurement: Measurement) -> dict[str, Any]:
    device = measurement.layers[0].weight.device
    names = ("top_k", "engine", "decompose", "sampled_columns", "seed")
    return {
        "model": type(measurement.model).__name__,
        "loss": type(measurement.loss).__name__,
        "settings": {name: getattr(measurement, name) for name in names},
        "dtype": str(measurement.layers[0].weight.dtype).removeprefix("torch."),
        "device": device.type,
        "versions": package_versions(),
        "hardware": hardware() | {"n_threads": torch.get_num_threads()},
        "finished_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
