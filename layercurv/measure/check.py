"""Before an engine measures, it is compared with double backpropagation, on a few samples and directions per layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from layercurv.curvature import Directions, LayerCurvature, chosen_engines, directional_curvature
from layercurv.curvature.batches import as_batch
from layercurv.curvature.losses import Loss
from layercurv.errors import InputError
from layercurv.measure.progress import LOGGER

NOISE_FLOOR = 1e-3  # of a layer's largest curvature: errors are compared with no less than that


@dataclass(frozen=True)
class Check:
    """How much is compared, and what difference is accepted."""

    n_samples: int = 16  # the first ones of the first micro-batch
    n_directions: int = 3  # per layer, spread over 1..K
    tolerance: float = 1e-3  # largest relative difference; beyond it nothing is measured


def check_engines(
    model: nn.Module, loss: Loss, batch: Any, directions: dict[str, Directions], engine: str, check: Check
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Compare the engine in use with double backpropagation on a few samples and directions of every layer.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batch: The micro-batch whose first samples are used.
        directions: Layer name to all its directions.
        engine: As for `directional_curvature`.
        check: How much is compared.

    Returns:
        Layer name to `{"k", "found", "double_backward", "max_relative_difference"}`, with k from 1; and layer name to
        the engine that `engine` comes to.

    Raises:
        InputError: If the engine is not exact for a layer, or off by more than the tolerance.
    """
    samples = [first_samples(batch, check.n_samples)]
    first: Any = as_batch(samples[0])
    engines = chosen_engines(model, loss, first, directions, engine)
    chosen = {name: evenly_spread(found, check.n_directions) for name, found in directions.items()}
    some = {name: subset(directions[name], index) for name, index in chosen.items()}
    exact = directional_curvature(model, loss, samples, some, "double_backward")
    checked: dict[str, LayerCurvature] = {}
    for planned in set(engines.values()):
        part = {name: some[name] for name in engines if engines[name] == planned}
        checked |= measured(model, loss, samples, part, engine, planned)
    engines = {name: checked[name].engine for name in engines}
    result = {}
    for name, index in chosen.items():
        h, reference = checked[name].curvatures, exact[name].curvatures
        result[name] = {
            "k": [i + 1 for i in index],
            "found": h.tolist(),
            "double_backward": reference.tolist(),
            "max_relative_difference": _require_close(name, engines[name], h, reference, check.tolerance),
        }
    return result, engines


def _require_close(name: str, engine: str, h: torch.Tensor, reference: torch.Tensor, tolerance: float) -> float:
    difference = relative_difference(h, reference)
    if not difference <= tolerance:
        raise InputError(
            f"layer {name}: the {engine} engine is off by {difference:.2g} (relative) from double backpropagation on "
            "the check samples; use engine='double_backward', or network and inputs in float64"
        )
    return difference


def relative_difference(h: torch.Tensor, reference: torch.Tensor) -> float:
    """Compare curvatures with those of the reference.

    Args:
        h: [K].
        reference: [K].

    Returns:
        The largest difference, relative to the larger of |h_k| and a thousandth of the layer's largest.
    """
    return float(((h - reference).abs() / _above_noise(reference)).max())


def _above_noise(reference: torch.Tensor) -> torch.Tensor:
    # A curvature far below the layer's largest carries the rounding errors of that one.
    floor = NOISE_FLOOR * reference.abs().max()
    return reference.abs().clamp_min(max(float(floor), torch.finfo(reference.dtype).tiny))


def measured(
    model: nn.Module,
    loss: Loss,
    batches: Sequence[Any],
    directions: dict[str, Directions],
    wanted: str,
    planned: str,
    slopes: bool = False,
) -> dict[str, LayerCurvature]:
    """Measure by the engine that is planned; by the next one, if any was wanted and that one refuses a micro-batch.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batches: Micro-batches.
        directions: Layer name to directions.
        wanted: The engine asked for, or "auto".
        planned: What `chosen_engines` made of it.
        slopes: As for `directional_curvature`.

    Returns:
        Layer name to curvature.

    Raises:
        InputError: If nothing else was wanted, or nothing measures it.
    """
    try:
        return directional_curvature(model, loss, batches, directions, planned, slopes)
    except InputError as error:
        if wanted != "auto" or planned == "double_backward":
            raise
        LOGGER.info("%s: %s", ", ".join(directions), error)
        return directional_curvature(model, loss, batches, directions, "auto", slopes)


def first_samples(raw: Any, count: int) -> Any:
    """Cut a micro-batch.

    Args:
        raw: The micro-batch, of any kind that `Batches` takes.
        count: How many samples; fewer if there are not so many.

    Returns:
        Its first samples; all of it, where its tensors do not tell how many it has, or lists hold them.
    """
    batch = as_batch(raw)
    return batch.take(list(range(min(count, batch.n_samples)))).raw if batch.is_cuttable else raw


def evenly_spread(directions: Directions, count: int) -> list[int]:
    """Choose directions from first to last, null ones left out.

    Args:
        directions: All directions.
        count: How many; fewer if there are not so many.

    Returns:
        Indices from 0; the first, if all are null.
    """
    usable = (~directions.is_null).nonzero().squeeze(1)
    if not len(usable):
        return [0]
    positions = torch.linspace(0, len(usable) - 1, min(count, len(usable))).round().long()
    chosen: list[int] = usable.cpu()[positions].tolist()
    return chosen


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
