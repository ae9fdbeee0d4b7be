"""The engines on one network, loss and list of micro-batches, whether one process measures them or several.

Every process holds the network and the list, and goes through its share of the micro-batches. Sums are added in
float64, in the order of the processes: the same number of processes gives the same bits, everywhere; another number
the same to rounding. The singular vectors of a layer are found by one process for all.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from layercurv.curvature import Directions, LayerCurvature, WeightLayer, directional_curvature, sweep
from layercurv.curvature.batches import as_batches, samples_checksum
from layercurv.curvature.directions import GradientSums, gradient_sums, layer_directions, require_directions
from layercurv.curvature.losses import as_loss
from layercurv.curvature.whole import require_whole
from layercurv.errors import InputError
from layercurv.exchange import Exchange
from layercurv.measure.progress import Counted
from layercurv.training.checkpoint import weights_checksum

_TOLD = (
    "equal weights in every process, process {} has others than process 0",
    "the same micro-batches in every process, process {} has others than process 0; give each the whole list, of which "
    "it takes its share",
    "the same loss in every process, process {} has another than process 0",
)


class Engines:
    """What measures a network on its samples. All processes call the same methods in the same order."""

    def __init__(self, model: nn.Module, loss: Any, batches: Iterable[Any], exchange: Exchange):
        """Take the measurement's network and samples, and make sure that all processes have the same.

        Args:
            model: The network, in eval mode, with equal weights in every process.
            loss: As for `directional_curvature`.
            batches: All micro-batches, the same list in every process; a loader is read once into memory.
            exchange: The processes.

        Raises:
            InputError: If there are fewer micro-batches than processes, or weights, micro-batches or loss differ.
        """
        if not isinstance(batches, Sequence):
            as_batches(batches)  # says if each pass would see other batches
            batches = list(batches)
        self.model, self.loss, self.exchange = model, as_loss(loss), exchange
        rank, size, n = exchange.rank, exchange.size, len(batches)
        if size > 1:
            self._require_same(batches)
            if n < size:
                raise InputError(f"processes: expected a micro-batch for each of {size} processes, got {n}")
        self.first, last = rank * n // size, (rank + 1) * n // size
        self._batches = batches
        self._up_to_mine = batches if size == 1 else list(batches[:last])
        self.share: Sequence[Any] = self._up_to_mine if size == 1 else self._up_to_mine[self.first :]

    def mean_gradients(
        self, layers: list[WeightLayer], advance: Callable[[int], None] | None = None
    ) -> dict[str, torch.Tensor]:
        """Compute dL/dW of the loss over all samples.

        Args:
            layers: The layers.
            advance: Called with the number of this process's micro-batches that are done.

        Returns:
            Layer name to gradient in its matrix view, [m, n] float64, the same in every process.

        Raises:
            InputError: As `layercurv.curvature.mean_gradients`, in every process if in any.
        """
        self.exchange.require_same(layers=[layer.name for layer in layers])
        share = Counted(self.share, advance) if advance else self.share
        mine = self.exchange.together(lambda: gradient_sums(self.model, self.loss, share, layers))
        totals = self.exchange.sums(list(mine.sums.values()))
        used, counts = zip(*self.exchange.gathered((mine.used, mine.n_samples)), strict=True)
        named = dict(zip(mine.sums, totals, strict=True))
        return GradientSums(named, frozenset[str]().union(*used), sum(counts)).means()

    def gradient_directions(
        self, layers: list[WeightLayer], top_k: int, advance: Callable[[int], None] | None = None
    ) -> dict[str, Directions]:
        """Find the leading singular directions of the gradient over all samples.

        Args:
            layers: The layers.
            top_k: How many per layer.
            advance: As for `mean_gradients`.

        Returns:
            Layer name to directions, the same in every process.

        Raises:
            InputError: As `layercurv.curvature.gradient_directions`.
        """
        self.exchange.require_same(top_k=top_k)
        gradients = self.mean_gradients(layers, advance)
        require_directions(gradients)
        mine = self._my_layers(layers)
        parts = self.exchange.gathered(
            self.exchange.together(
                lambda: {layer.name: vars(layer_directions(layer, gradients[layer.name], top_k)) for layer in mine}
            )
        )
        found = {name: directions for part in parts for name, directions in part.items()}
        return {layer.name: _directions(found[layer.name], layer.weight.device) for layer in layers}

    def directional_curvature(
        self,
        directions: dict[str, Any],
        measure: Callable[..., dict[str, LayerCurvature]] = directional_curvature,
        by_layers: bool = False,
        **options: Any,
    ) -> dict[str, LayerCurvature]:
        """Measure curvature along directions over all samples.

        Shared out by layers, every process goes through all micro-batches for its own layers only: for a few large
        micro-batches where directions cost most (`tangent`). What is done once per micro-batch is done by all then.

        Args:
            directions: As for `layercurv.curvature.directional_curvature`, the same in every process.
            measure: That function, or one that takes the same arguments.
            by_layers: Whether processes share layers instead of samples.
            **options: Its options.

        Returns:
            Layer name to curvature, the same in every process; per-sample values in the order of the samples. Where
            processes took different engines the names are joined by "+".

        Raises:
            InputError: In every process if in any.
        """
        self.exchange.require_same(layers=list(directions), by_layers=by_layers)
        share = self._batches if by_layers else self.share
        given = self._dealt(directions) if by_layers else directions
        found = self.exchange.together(lambda: measure(self.model, self.loss, share, given, **options) if given else {})
        if self.exchange.size == 1:
            return found
        if by_layers:
            dealt = self.exchange.gathered({name: vars(curvature) for name, curvature in found.items()})
            of = {name: LayerCurvature(**part) for some in dealt for name, part in some.items()}
            return {name: of[name] for name in directions}
        parts = self.exchange.gathered({name: vars(curvature) for name, curvature in found.items()})
        return {name: _joined([part[name] for part in parts]) for name in found}

    def sweep(
        self,
        layers: list[WeightLayer],
        visitors: Sequence[Any],
        n_done: int = 0,
        after_batch: Callable[[int], None] | None = None,
        **options: Any,
    ) -> None:
        """Feed visitors (Kronecker factors, moments, `GGNCurvature`) from all samples.

        Args:
            layers: The layers they ask about.
            visitors: Fresh ones; afterwards they hold the sums of all processes, in every process.
            n_done: This process's micro-batches that are in the visitors' sums already.
            after_batch: Called with the number of this process's micro-batches that are done, after each.
            **options: `n_sampled` and `seed` of `layercurv.curvature.sweep`; random columns depend on the seed and the
                micro-batch, not on the number of processes.

        Raises:
            InputError: In every process if in any.
        """
        self.exchange.require_same(layers=[layer.name for layer in layers])
        given = self.model, self.loss, self._up_to_mine, layers, visitors, self.first + n_done

        def after(n: int) -> None:
            if after_batch is not None:
                after_batch(n - self.first)

        self.exchange.together(lambda: sweep(*given, after, **options))
        if self.exchange.size > 1:
            for visitor in visitors:
                visitor.load_state_dict(self._added(visitor.state_dict()))

    def _require_same(self, batches: Sequence[Any]) -> None:
        def marks() -> tuple[str, str, str]:
            require_whole(self.model)
            return weights_checksum(self.model), samples_checksum(batches), _mark(self.loss)

        first, *others = self.exchange.gathered(self.exchange.together(marks))
        for rank, held in enumerate(others, start=1):
            for told, mine, expected in zip(_TOLD, held, first, strict=True):
                if mine != expected:
                    raise InputError(f"processes: expected {told.format(rank)}")

    def _dealt(self, directions: dict[str, Any]) -> dict[str, Any]:
        # There and back again, as the first layers of a network have most behind them.
        places = [*range(self.exchange.size), *reversed(range(self.exchange.size))]
        named = enumerate(directions.items())
        return dict(pair for index, pair in named if places[index % len(places)] == self.exchange.rank)

    def _my_layers(self, layers: list[WeightLayer]) -> list[WeightLayer]:
        # The most expensive ones first, each to who has the least to do: the same rule in every process.
        size = self.exchange.size
        load = [0] * size
        mine = []
        for layer in sorted(layers, key=_work, reverse=True):
            rank = load.index(min(load))
            load[rank] += _work(layer)
            mine += [layer] if rank == self.exchange.rank else []
        return mine

    def _added(self, state: dict[str, Any]) -> dict[str, Any]:
        # Tensors are sums and add up; the rest is told: counts add up, lists follow one another, sets are united.
        tensors: list[torch.Tensor] = []
        rest = self.exchange.gathered(_without_sums(state, tensors))
        totals = iter(self.exchange.sums(tensors))
        merged = rest[0]
        for other in rest[1:]:
            merged = _merged(merged, other)
        summed: dict[str, Any] = _with_sums(merged, totals)
        return summed


class _Sum:
    """Marks the place of a tensor that is summed apart from the rest of a visitor's state."""


def _without_sums(state: Any, tensors: list[torch.Tensor]) -> Any:
    if isinstance(state, dict):
        return {key: _without_sums(part, tensors) for key, part in state.items()}
    if torch.is_tensor(state):
        tensors.append(state)
        return _Sum()
    return state


def _merged(one: Any, other: Any, key: str = "") -> Any:
    # A layer has as many positions everywhere.
    if isinstance(one, dict):
        return {name: _merged(one[name], other[name], key if key == "n_positions" else name) for name in one}
    if isinstance(one, set):
        return one | other
    return one if isinstance(one, _Sum) or key == "n_positions" else one + other


def _with_sums(state: Any, totals: Any) -> Any:
    if isinstance(state, dict):
        return {key: _with_sums(part, totals) for key, part in state.items()}
    return next(totals) if isinstance(state, _Sum) else state


def _mark(loss: Any) -> str:
    # Options by value, wherever their tensors lie; the rest by its kind.
    options = {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in sorted(getattr(loss, "__dict__", {}).items())
        if isinstance(value, (bool, int, float, str, type(None), torch.Tensor))
    }
    return f"{type(loss).__qualname__} {options}"


def _work(layer: WeightLayer) -> int:
    m, n = layer.shape
    return m * n * min(m, n)


def _directions(parts: dict[str, torch.Tensor], device: torch.device) -> Directions:
    return Directions(**{name: part.to(device) for name, part in parts.items()})


def _joined(parts: list[dict[str, Any]]) -> LayerCurvature:
    n_samples = sum(part["n_samples"] for part in parts)

    def mean(field: str) -> torch.Tensor | None:
        values = [part[field] for part in parts]
        if any(value is None for value in values):
            return None
        first, *others = (part["n_samples"] / n_samples * v for part, v in zip(parts, values, strict=True))
        total: torch.Tensor = first
        for other in others:
            total = total + other
        return total

    def listed(field: str) -> torch.Tensor | None:
        values = [part[field] for part in parts]
        return None if any(value is None for value in values) else torch.cat(values)

    curvatures = mean("curvatures")
    assert curvatures is not None
    engine = "+".join(dict.fromkeys(part["engine"] for part in parts))
    return LayerCurvature(curvatures, mean("ggn"), listed("per_sample"), listed("slopes"), n_samples, engine)
