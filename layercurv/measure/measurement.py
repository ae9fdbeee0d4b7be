"""Directions, curvatures and Kronecker spectra of a whole network, stage by stage, each resumable.

Stages: the gradient's directions; the check of every layer's engine; one sweep over micro-batches for all that is read
from per-sample gradients (`ggn`, Kronecker factors); then, layer by layer, what the other engines measure.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from layercurv.curvature import (
    Directions,
    GGNCurvature,
    KroneckerFactors,
    LayerCurvature,
    WeightLayer,
    chosen_engines,
    sweep,
)
from layercurv.curvature.batches import as_batch, samples_checksum
from layercurv.curvature.directions import gradients_of
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective, network_output
from layercurv.curvature.second_derivatives import derivatives, random_directions
from layercurv.errors import InputError
from layercurv.exchange import Exchange
from layercurv.files import WriteError
from layercurv.measure.check import Check, check_engines, first_samples, measured
from layercurv.measure.engines import Engines
from layercurv.measure.progress import LOGGER, progress
from layercurv.measure.resume import Resumable
from layercurv.results.provenance import fingerprint
from layercurv.training.checkpoint import weights_checksum

MAX_COLUMNS = 1000  # of the loss Hessian's root: more than ImageNet's classes are sampled, not summed
SAMPLED_COLUMNS = 8
_SAME_LOSS = 1e-4  # another processor's rounding is less, another activation or loss more
_SAME_SLOPE = 1e-4  # of a gradient's length; the same
_SAME_BEND = 1e-2  # of the product with the Hessian, which float32 knows less well; the same

T = TypeVar("T")

Kronecker = dict[str, Any] | str  # `n_positions` and `factors`, or why there are none


@dataclass(frozen=True)
class Measurement:
    """What is measured on one network, and how."""

    model: nn.Module
    loss: Any  # what `as_loss` returned
    batches: Sequence[Any]  # micro-batches of any kind that `Batches` takes
    layers: list[WeightLayer]
    top_k: int
    engine: str
    decompose: bool
    sampled_columns: int | None
    check: Check | None
    seed: int
    bar: bool
    exchange: Exchange  # the processes that measure together

    @functools.cached_property
    def processes(self) -> Engines:
        """What measures: every process on its share of the micro-batches."""
        return Engines(self.model, self.loss, self.batches, self.exchange)

    def fingerprint(self) -> str:
        """Tell measurements apart by content: weights, samples, layers and settings.

        Returns:
            A SHA-256.
        """
        names = ("top_k", "engine", "decompose", "sampled_columns", "seed")
        return fingerprint(
            {name: getattr(self, name) for name in names}
            | {"loss": _described(self.loss), "layers": [layer.name for layer in self.layers]}
            | {"weights": weights_checksum(self.model), "samples": samples_checksum(self.batches)}
            | {"check": None if self.check is None else vars(self.check)}
        )

    def directions(self, saved: Resumable) -> dict[str, Directions]:
        """Find the leading singular directions of every layer's mean gradient.

        Args:
            saved: What is known already.

        Returns:
            Layer name to directions.
        """

        def measure() -> dict[str, Any]:
            with progress("gradient", "micro-batches", len(self.processes.share), bar=self.bar) as advance:
                found = self.processes.gradient_directions(self.layers, self.top_k, advance)
            return {name: vars(directions) for name, directions in found.items()}

        return {name: Directions(**parts) for name, parts in saved.once("directions", measure).items()}

    def engines(
        self, saved: Resumable, directions: dict[str, Directions]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """Choose an engine for each layer and hold it against double backpropagation.

        Args:
            saved: What is known already.
            directions: Layer name to directions.

        Returns:
            Layer name to the check (empty without one), and to the engine.

        Raises:
            InputError: If an engine is not exact, or off by more than the tolerance.
        """

        def measure() -> list[Any]:
            if self.check is None:
                first: Any = as_batch(self.batches[0])
                return [{}, chosen_engines(self.model, self.loss, first, directions, self.engine)]
            given = self.model, self.loss, self.batches[0], directions, self.engine
            return list(check_engines(*given, self.check))

        checks, engines = saved.once("engines", lambda: self._first_of(measure))
        return checks, engines

    def curvatures(
        self, saved: Resumable, directions: dict[str, Directions], engines: dict[str, str]
    ) -> tuple[dict[str, LayerCurvature], dict[str, Kronecker]]:
        """Measure all layers.

        Args:
            saved: What is known already.
            directions: Layer name to directions.
            engines: Layer name to engine.

        Returns:
            Layer name to curvature; and, if asked for, to `n_positions` and the spectra of its Kronecker `factors`, or
            to why there are none.

        Raises:
            InputError: If the engine asked for refuses a micro-batch.
            WriteError: If the checkpoint cannot be written.
        """
        reasons = self._without_factors(saved)
        by_ggn = [layer for layer in self.layers if engines[layer.name] == "ggn"]
        factored = [layer for layer in self.layers if layer.name not in reasons] if self.decompose else []
        try:
            found, kronecker = self._in_one_pass(saved, directions, by_ggn, factored)
        except WriteError:  # no refusal of the engine's
            raise
        except InputError as error:  # of a later micro-batch than those tried beforehand
            if self.engine != "auto":
                raise
            LOGGER.info("%s", error)
            found, kronecker = {}, {layer.name: str(error) for layer in factored}
        others = [name for name in engines if name not in found]
        with progress("curvature", "layers", len(others), bar=self.bar) as advance:
            for index, name in enumerate(others):
                found[name] = self._alone(saved, name, directions[name], engines[name])
                advance(index + 1)
        return found, kronecker | reasons

    def _in_one_pass(
        self,
        saved: Resumable,
        directions: dict[str, Directions],
        by_ggn: list[WeightLayer],
        factored: list[WeightLayer],
    ) -> tuple[dict[str, LayerCurvature], dict[str, Kronecker]]:
        n_sampled = self._n_sampled(saved) if factored else None
        if n_sampled is None:
            return self._swept(saved, "sums", directions, by_ggn, factored, None) if by_ggn or factored else ({}, {})
        found = self._swept(saved, "sums", directions, by_ggn, [], None)[0] if by_ggn else {}
        return found, self._swept(saved, "sampled sums", directions, [], factored, n_sampled)[1]

    def mean_loss(self, saved: Resumable) -> float:
        """Return the mean loss of the measured samples.

        Args:
            saved: What is known already.

        Returns:
            The loss.
        """
        sums, counts = zip(*saved.once("losses", self._losses), strict=True)
        return float(sum(sums) / sum(counts))

    def require_same_code(self, saved: Resumable) -> None:
        """Make sure that a checkpoint was made by the same code of network and loss: losses and derivatives tell.

        Args:
            saved: What is known already.

        Raises:
            InputError: If the loss of some micro-batch is another, or the gradient of the first, or how it changes.
        """
        now = self._losses()
        for index, ((loss, _), (kept, _)) in enumerate(zip(now, saved.once("losses", lambda: now), strict=True)):
            if abs(loss - kept) > _SAME_LOSS * abs(kept):
                raise InputError(
                    f"checkpoint: expected the network and loss it was made with, whose loss on micro-batch {index} "
                    f"was {kept:.9g}; it is {loss:.9g} now. Give another file, or delete this one"
                )
        self._require_same(saved, "slopes", self._slopes, "gradient", _SAME_SLOPE)
        if saved.is_kept:
            self._require_same(saved, "bends", self._bends, "second derivative", _SAME_BEND)

    def _require_same(
        self, saved: Resumable, name: str, measure: Callable[[], list[tuple[float, float]]], what: str, tolerance: float
    ) -> None:
        found = measure()
        kept = saved.once(name, lambda: found)
        for layer, (along, size), (before, size_before) in zip(self.layers, found, kept, strict=True):
            if abs(along - before) > tolerance * max(size, size_before):
                raise InputError(
                    f"checkpoint: expected the network and loss it was made with; the {what} of layer {layer.name} on "
                    "the first micro-batch is another now. Give another file, or delete this one"
                )

    def _slopes(self) -> list[tuple[float, float]]:
        # Of each layer, on the first micro-batch: the gradient along a random direction, and its length.
        with measuring(self.model, self.layers) as cast_to:
            objective = Objective(self.model, self.loss, cast_to)
            weights: list[torch.Tensor] = [layer.weight for layer in self.layers]
            total = objective.sum_loss(objective.prepared(as_batch(self.batches[0])))
            found = [None if g is None else g.to_dense() for g in gradients_of(total, weights)]
            pairs = list(zip(found, random_directions(weights), strict=True))
        return [(0.0, 0.0) if g is None else (float(d.along(g)), float(g.norm())) for g, d in pairs]

    def _bends(self) -> list[tuple[float, float]]:
        # The same of the Hessian's product with a random direction in all layers, on two samples.
        with measuring(self.model, self.layers) as cast_to:
            objective = Objective(self.model, self.loss, cast_to)
            weights: list[torch.Tensor] = [layer.weight for layer in self.layers]
            directions = random_directions(weights)
            total = objective.sum_loss(objective.prepared(as_batch(first_samples(self.batches[0], 2))))
            pairs = list(zip(derivatives(total, [*weights], directions), directions, strict=True))
        return [(float(d.along(product)), float(product.norm())) for (_, product), d in pairs]

    def _losses(self) -> list[tuple[float, int]]:
        # Of each micro-batch: the sum of its losses, and its samples. A network or loss may take gradients itself.
        with measuring(self.model, self.layers) as cast_to:
            objective = Objective(self.model, self.loss, cast_to)
            batches = [objective.prepared(as_batch(batch)) for batch in self.processes.share]
            mine = [(float(total.detach()), n) for total, n in map(objective.counted_loss, batches)]
        found = self.exchange.gathered((mine, objective.rows_per_sample))
        objective.require_told(set().union(*(rows_per_sample for _, rows_per_sample in found)))
        return [part for parts, _ in found for part in parts]

    def _without_factors(self, saved: Resumable) -> dict[str, str]:
        # Layer name to why it has no Kronecker factors: its samples cannot be told apart.
        def try_one(layers: list[WeightLayer]) -> str | None:
            few = [first_samples(self.batches[0], 2)]
            try:
                sweep(self.model, self.loss, few, layers, [KroneckerFactors(layers)], n_sampled=1)
            except InputError as error:
                return str(error)
            return None

        def measure() -> dict[str, str]:
            if try_one(self.layers) is None:
                return {}
            found = {layer.name: try_one([layer]) for layer in self.layers}
            return {name: reason for name, reason in found.items() if reason is not None}

        return dict(saved.once("without factors", lambda: self._first_of(measure))) if self.decompose else {}

    def _n_sampled(self, saved: Resumable) -> int | None:
        def measure() -> int | None:
            batch = as_batch(first_samples(self.batches[0], 2))
            with measuring(self.model, self.layers) as cast_to:
                outputs = network_output(self.model, Objective(self.model, self.loss, cast_to).prepared(batch))
            n_columns = self.loss.n_root_columns(outputs.shape, batch.targets)
            if self.sampled_columns is not None or n_columns <= MAX_COLUMNS:
                return self.sampled_columns
            LOGGER.info("the loss Hessian's root has %d columns: 8 random ones make the Kronecker factors", n_columns)
            return SAMPLED_COLUMNS

        count = saved.once("sampled columns", lambda: self._first_of(measure))
        return None if count is None else int(count)

    def _swept(
        self,
        saved: Resumable,
        name: str,
        directions: dict[str, Directions],
        by_ggn: list[WeightLayer],
        factored: list[WeightLayer],
        n_sampled: int | None,
    ) -> tuple[dict[str, LayerCurvature], dict[str, Kronecker]]:
        def measure() -> dict[str, Any]:
            ggn, factors = GGNCurvature(by_ggn, directions, slopes=True), KroneckerFactors(factored)
            visitors = [visitor for visitor, used in ((ggn, by_ggn), (factors, factored)) if used]
            layers = [layer for layer in self.layers if layer in by_ggn or layer in factored]
            self._sweep(saved, name, layers, visitors, n_sampled)
            saved.drop(name)
            found = {layer: vars(curvature) for layer, curvature in ggn.result().items()}
            spectra = {layer.name: _spectra(factors, layer.name, directions) for layer in factored}
            return {"curvatures": found, "kronecker": spectra}

        parts = saved.once(f"from {name}", measure)
        return {layer: _curvature(found) for layer, found in parts["curvatures"].items()}, parts["kronecker"]

    def _sweep(
        self, saved: Resumable, name: str, layers: list[WeightLayer], visitors: list[Any], n_sampled: int | None
    ) -> None:
        state = saved.get(name) or {"n_done": 0, "visitors": []}
        for visitor, sums in zip(visitors, state["visitors"], strict=False):
            visitor.load_state_dict(sums)
        n = len(self.processes.share)
        with progress("per-sample gradients", "micro-batches", n, state["n_done"], self.bar) as advance:

            def after_batch(n_done: int) -> None:
                advance(n_done)
                saved.grow(name, lambda: {"n_done": n_done, "visitors": [v.state_dict() for v in visitors]})

            options = {"n_sampled": n_sampled, "seed": self.seed}
            self.processes.sweep(layers, visitors, state["n_done"], after_batch, **options)

    def _alone(self, saved: Resumable, name: str, directions: Directions, engine: str) -> LayerCurvature:
        def measure() -> dict[str, Any]:
            options: dict[str, Any] = {"wanted": self.engine, "planned": engine, "slopes": True}
            return vars(self.processes.directional_curvature({name: directions}, measured, **options)[name])

        return _curvature(saved.once(f"curvature of {name}", measure))

    def _first_of(self, measure: Callable[[], T]) -> T:
        # What every process finds by itself, so that nobody waits; should they differ, the first one counts.
        return self.exchange.gathered(self.exchange.together(measure))[0]


def _curvature(parts: dict[str, Any]) -> LayerCurvature:
    # A checkpoint is read to the network's device; engines return their findings on the CPU.
    on_cpu: dict[str, Any] = {key: part.cpu() if torch.is_tensor(part) else part for key, part in parts.items()}
    return LayerCurvature(**on_cpu)


def _described(loss: Any) -> list[str]:
    # Options are told by value; a function by its name.
    options = [f"{name}={value if _is_plain(value) else type(value).__name__}" for name, value in vars(loss).items()]
    return [type(loss).__qualname__, *sorted(options)]


def _is_plain(value: object) -> bool:
    return isinstance(value, (bool, int, float, str, type(None), torch.Tensor))


def _spectra(factors: KroneckerFactors, name: str, directions: dict[str, Directions]) -> dict[str, Any]:
    spectra = factors.spectra(name, directions[name])
    lists = {kind: {key: value.tolist() for key, value in parts.items()} for kind, parts in spectra.items()}
    return {"n_positions": factors.n_positions[name], "factors": lists}


def measured_on(path: str | Path | None, measurement: Measurement, every_s: float) -> Resumable:
    """Take up an interrupted measurement.

    Args:
        path: Its file; None keeps nothing. Of several processes, each has one of its own.
        measurement: The measurement.
        every_s: Seconds between saves.

    Returns:
        What it has found so far.
    """
    exchange = measurement.exchange
    if path is None:
        return Resumable(None, "", torch.device("cpu"), every_s, exchange)
    device, mark, path = measurement.layers[0].weight.device, measurement.fingerprint(), Path(path)
    if exchange.size > 1:  # sums of this process's share
        path = path.with_suffix(f".{exchange.rank}of{exchange.size}{path.suffix}")
        mark = fingerprint({"measurement": mark, "rank": exchange.rank, "size": exchange.size})
    return Resumable(path, mark, device, every_s, exchange)
