"""Micro-batches as people have them: tensor pairs, tuples, dictionaries, dataclasses; lists or data loaders of these.

What is read: the arguments of the network's forward pass, the targets, and the number of samples.

    (x, y)                       model(x), targets y; x may itself be a tuple or a dictionary of arguments
    (x1, x2, y)                  model(x1, x2), targets y
    {"input_ids": ..., "labels": ...}  model(input_ids=...), targets labels; transformers' BatchEncoding too
    a dataclass                  the same, by the names of its fields

A loss that takes the batch as it is (`BatchLoss`) gets it as it is.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, RandomSampler

from layercurv.errors import InputError

TARGET_NAMES = ("labels", "label", "targets", "target", "y")


@dataclass(frozen=True)
class Batch:
    """One micro-batch."""

    raw: Any  # as it came
    args: tuple  # of the network's forward pass
    kwargs: dict[str, Any]
    targets: Any  # None if it holds none

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All tensors of the forward pass's arguments, in order."""
        return tensors_in((self.args, self.kwargs))

    @property
    def n_samples(self) -> int:
        """N, the length of the first axis of its tensors; where outputs are at hand, `counted` knows better."""
        return _n_samples(self)

    def counted(self, n_outputs: int) -> int:
        """Count the samples, once it is known how many outputs the network makes of them.

        Where there is a target for each output, and those are no positions of samples in a row, they are the samples:
        inputs may hold time, nodes or channels on their first axis.

        Args:
            n_outputs: The length of the outputs' first axis.

        Returns:
            N.
        """
        n = self.n_samples
        if n_outputs == n or self.n_targets != n_outputs:
            return n
        elsewhere = {x.shape[1] for x in self.tensors if x.dim() > 1 and n > 1}
        elsewhere |= {len(given) for given in (*self.args, *self.kwargs.values()) if isinstance(given, list)}
        are_positions = n_outputs % n == 0 and n_outputs not in elsewhere
        return n if are_positions else n_outputs

    @property
    def n_targets(self) -> int | None:
        """The length of the targets' first axis; None if they are no tensor or have none."""
        return len(self.targets) if isinstance(self.targets, torch.Tensor) and self.targets.dim() else None

    @property
    def rows_per_sample(self) -> float | None:
        """How many samples there are by another count, for each of `n_samples`; None if nothing else counts them.

        The other count is the targets' first axis, else the length of the lists that may hold a tensor or a dictionary
        for each sample.
        """
        n = self.n_samples
        if self.n_targets is not None:
            return self.n_targets / n
        if len(lengths := {len(part) for part in _lists(self.raw)}) != 1:
            return None
        is_stacked = any(isinstance(part, torch.Tensor) for part in _parts(self.raw))
        has_one_length = all(len(x) == n for x in tensors_in(self.raw) if x.dim())
        return None if is_stacked and has_one_length else lengths.pop() / n

    @property
    def is_listed(self) -> bool:
        """Whether samples lie in lists, one tensor or dictionary each, so that it cannot be cut along first axes."""
        n = self.n_samples
        return bool(_lists(self.raw)) and any(len(x) != n for x in tensors_in(self.raw) if x.dim())

    @property
    def is_cuttable(self) -> bool:
        """Whether it holds several samples, and some of them can be taken by `take`."""
        try:
            return self.n_samples > 1 and not self.is_listed
        except InputError:  # its tensors do not tell; the loss may
            return False

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Batch":
        """Change every tensor.

        Args:
            change: Tensor to tensor.

        Returns:
            The changed batch.
        """
        return as_batch(map_tensors(change, self.raw))

    def take(self, index: list[int]) -> "Batch":
        """Take some samples: of every tensor that has them on its first axis.

        Args:
            index: Which, from 0.

        Returns:
            The smaller batch.
        """
        n = self.n_samples
        rows = torch.tensor(index)
        return self.map(lambda x: x.index_select(0, rows.to(x.device)) if x.dim() and len(x) == n else x)


def of_one_or_all(judge: Callable[[Batch], float | None], batch: Batch) -> float | None:
    """Judge the first sample by itself; all of them where that fails, or where they cannot be cut apart.

    Args:
        judge: Takes a micro-batch; None if it cannot tell.
        batch: The micro-batch.

    Returns:
        What `judge` said; None if it could not tell of either.
    """
    found = judge(batch.take([0])) if batch.is_cuttable else None
    return judge(batch) if found is None else found


class Batches:
    """Micro-batches that can be gone through again and again, and are the same each time."""

    def __init__(self, source: Iterable):
        """Check that they can be.

        Args:
            source: A list, a data loader without shuffling, or anything else that can be iterated over repeatedly.

        Raises:
            InputError: If they can be read only once, come in another order each time, or there are none.
        """
        if isinstance(source, torch.Tensor | Mapping) or _is_dataclass(source):
            raise InputError(f"batches: expected a list or loader of micro-batches, got one {type(source).__name__}")
        if not isinstance(source, Iterable):
            raise InputError(f"batches: expected a list or loader of micro-batches, got {type(source).__name__}")
        if iter(source) is source:
            raise InputError(
                f"batches: a {type(source).__name__} can be read only once, and measuring reads several times; "
                "pass list(batches), or a DataLoader without shuffling"
            )
        if isinstance(source, DataLoader) and isinstance(source.sampler, RandomSampler):
            raise InputError(
                "batches: the DataLoader shuffles, so each pass would see other batches; use shuffle=False"
            )
        self._source = source
        self._marks: list = []

    def __iter__(self) -> Iterator[Batch]:
        """Go through them once.

        Yields:
            The micro-batches.

        Raises:
            InputError: If one is empty, or another than at the last pass.
        """
        index = -1
        for index, raw in enumerate(self._source):
            batch = as_batch(raw)
            if any(x.is_nested for x in tensors_in(raw)):
                raise InputError(f"batches: micro-batch {index} holds a nested tensor; pad it, or pass a list")
            if any(x.dim() and not len(x) for x in batch.tensors):
                raise InputError(f"batches: micro-batch {index} is empty; leave it out")
            self._require_same(index, batch)
            yield batch
        if index < 0:
            raise InputError("expected at least one micro-batch, got none")

    def first(self) -> Batch:
        """Return the first micro-batch.

        Returns:
            It.
        """
        return next(iter(self))

    def _require_same(self, index: int, batch: Batch) -> None:
        mark = [_mark(part) for x in tensors_in(batch.raw) for part in _strided(x)]
        if index == len(self._marks):
            self._marks.append(mark)
        elif self._marks[index] != mark:
            raise InputError(
                f"batches: micro-batch {index} is not what it was when it was read before (shuffling, or augmentation "
                "at random?); pass list(batches)"
            )


def as_batches(source) -> Batches:
    """Accept micro-batches of any kind.

    Args:
        source: As for `Batches`, or `Batches`.

    Returns:
        The micro-batches.
    """
    return source if isinstance(source, Batches) else Batches(source)


def as_batch(raw) -> Batch:
    """Read one micro-batch.

    Args:
        raw: A tuple, dictionary, dataclass, tensor, or anything that the loss understands; or the inputs alone.

    Returns:
        The micro-batch.
    """
    if isinstance(raw, Batch):
        return raw
    if isinstance(raw, Mapping):
        return _from_names(raw, dict(raw))
    if _is_dataclass(raw):
        fields = ((field.name, getattr(raw, field.name)) for field in dataclasses.fields(raw))
        return _from_names(raw, {name: value for name, value in fields if value is not None})
    if isinstance(raw, tuple | list) and len(raw) > 1:
        *inputs, targets = raw
        if (
            len(inputs) > 1
            or isinstance(inputs[0], PackedSequence)
            or not isinstance(inputs[0], Mapping | tuple | list)
        ):
            return Batch(raw, tuple(inputs), {}, targets)
        given = inputs[0]
        return (
            Batch(raw, (), dict(given), targets)
            if isinstance(given, Mapping)
            else Batch(raw, tuple(given), {}, targets)
        )
    if isinstance(raw, tuple | list):
        return Batch(raw, tuple(raw), {}, None)
    return Batch(raw, (raw,), {}, None)


def of_inputs(inputs) -> Batch:
    """Make a micro-batch without targets.

    Args:
        inputs: The network's input, or a `Batch`.

    Returns:
        The micro-batch.
    """
    if isinstance(inputs, Batch):
        return inputs
    return as_batch(inputs) if isinstance(inputs, Mapping) else Batch((inputs,), (inputs,), {}, None)


def tensors_in(value) -> list[torch.Tensor]:
    """List the tensors in nested tuples, lists, dictionaries and dataclasses.

    Args:
        value: Anything.

    Returns:
        The tensors, in order.
    """
    found: list[torch.Tensor] = []
    map_tensors(lambda x: found.append(x) or x, value)
    return found


def samples_checksum(batches: Iterable) -> str:
    """Hash the tensors of micro-batches, so that two lists can be told apart.

    Args:
        batches: Micro-batches of any kind that `Batches` takes.

    Returns:
        SHA-256 of types, shapes and bytes, in order.
    """
    digest = hashlib.sha256()
    for part in (part for batch in batches for x in tensors_in(batch) for part in _strided(x)):
        digest.update(f"{part.dtype} {tuple(part.shape)}".encode())
        digest.update(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def map_tensors(change: Callable[[torch.Tensor], torch.Tensor], value):
    """Change the tensors in nested tuples, lists, dictionaries and dataclasses.

    Args:
        change: Tensor to tensor.
        value: Anything.

    Returns:
        The same structure around the changed tensors.
    """
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(change, x) for x in value))
    if isinstance(value, tuple | list):
        return type(value)(map_tensors(change, x) for x in value)
    if isinstance(value, Mapping):
        changed = {key: map_tensors(change, x) for key, x in value.items()}
        return changed if isinstance(value, dict) else type(value)(changed)
    if _is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return dataclasses.replace(value, **{name: map_tensors(change, getattr(value, name)) for name in names})
    return value


def _from_names(raw, values: dict) -> Batch:
    target = next((name for name in TARGET_NAMES if name in values), None)
    inputs = {name: value for name, value in values.items() if name != target}
    return Batch(raw, (), inputs, values.get(target))


def _n_samples(batch: Batch) -> int:
    lengths = [len(x) for x in batch.tensors if x.dim()] or [len(x) for x in tensors_in(batch.raw) if x.dim()]
    several = {n for n in lengths if n > 1}
    if not lengths or (batch.kwargs and len(several) > 1):
        raise InputError(
            f"batches: cannot tell the number of samples of a {type(batch.raw).__name__} with tensors of lengths "
            f"{lengths}; give the loss n_samples=, a function of the batch (see BatchLoss)"
        )
    return max(several) if batch.kwargs and several else lengths[0]


def _parts(raw) -> list:
    # A micro-batch is one part if it lists its samples, each by its names; else what stands side by side in it.
    if isinstance(raw, Mapping):
        return list(raw.values())
    if _is_dataclass(raw):
        return list(vars(raw).values())
    if not isinstance(raw, tuple | list):
        return [raw]
    return [raw] if all(isinstance(part, Mapping) or _is_dataclass(part) for part in raw) else list(raw)


def _lists(raw) -> list:
    return [part for part in _parts(raw) if isinstance(part, tuple | list) and tensors_in(part)]


def _strided(x: torch.Tensor) -> list[torch.Tensor]:
    # What tells a tensor, as tensors that have memory of the usual kind.
    if x.layout is torch.sparse_coo:
        return [x._indices(), x._values()]
    return [x if x.layout is torch.strided else x.to_dense()]


def _is_dataclass(value) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _mark(x: torch.Tensor) -> tuple:
    # Sums over the bits, exact in any order, tell a batch from its permutations and from others without keeping it.
    flat = (torch.view_as_real(x.detach()) if x.is_complex() else x.detach()).contiguous().view(-1)
    flat = (flat.to(torch.uint8) if flat.dtype == torch.bool else flat).view(torch.uint8).long()
    places = torch.arange(1, len(flat) + 1, device=flat.device)
    return tuple(x.shape), x.dtype, int(flat.sum()), int((flat * places).sum())
