"""What the processes of one run tell each other: values, errors, and sums that are added in the order of the processes.

Nothing here depends on how many they are: a process alone is the first of one, and tells nobody anything.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from layercurv.errors import InputError
from layercurv.files import WriteError

BUCKET_BYTES = 2**26  # sums are sent in pieces of about this size; a larger tensor is sent by itself

T = TypeVar("T")


class LostProcessError(RuntimeError):
    """Another process of the group is gone, so that nothing more can be measured together."""


class Exchange:
    """The processes of a group. All of them call the same methods in the same order."""

    def __init__(self, group: dist.ProcessGroup | None = None):
        """Find out who is there.

        Args:
            group: The processes; None takes all that `init_process_group` was called for.

        Raises:
            ValueError: If it was not called.
            InputError: If this process does not belong to the group.
        """
        self.group, self.rank, self.size = group, dist.get_rank(group), dist.get_world_size(group)
        if self.rank < 0:
            raise InputError("processes: this process does not belong to the group; only its members call")

    @classmethod
    def of_one(cls) -> "Exchange":
        """Be alone, whatever other processes there are.

        Returns:
            An exchange in which nothing is told.
        """
        alone = cls.__new__(cls)
        alone.group, alone.rank, alone.size = None, 0, 1
        return alone

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def gathered(self, mine: T) -> list[T]:
        """Tell everybody a value.

        Args:
            mine: Tensors and plain values, in dictionaries, lists and tuples; small.

        Returns:
            Everybody's, in the order of the processes, tensors on the CPU; alone, the value as it is.

        Raises:
            LostProcessError: If a process is gone.
        """
        if self.size == 1:
            return [mine]
        found: list[Any] = [None] * self.size
        _told(lambda: dist.all_gather_object(found, on_cpu(mine), self.group))
        return found

    def from_first(self, work: Callable[[], T]) -> T:
        """Let the first process do something, and tell the others what came of it.

        Args:
            work: Returns the value; called in the first process only.

        Returns:
            The value, tensors on the CPU in the other processes.

        Raises:
            InputError: In every process, if the first one raised it.
            LostProcessError: If a process is gone.
        """
        if self.size == 1:
            return work()
        mine: Any = None
        told: list[Any] = [None, None, False]
        if self.is_first:
            try:
                mine = work()
                told[0] = on_cpu(mine)
            except InputError as error:
                told[1:] = str(error), isinstance(error, WriteError)
        _told(lambda: dist.broadcast_object_list(told, group=self.group, group_src=0))
        if told[1] is not None:
            raise (WriteError if told[2] else InputError)(told[1])
        return mine if self.is_first else told[0]

    def together(self, work: Callable[[], T]) -> T:
        """Do something that may be refused in one process and not in another.

        Args:
            work: What to do; it exchanges nothing itself.

        Returns:
            What it returned here.

        Raises:
            InputError: In every process, if any raised it: the others would wait for that one.
            LostProcessError: If a process is gone.
        """
        if self.size == 1:
            return work()
        mine: Any = None
        error: tuple[str, bool] | None = None
        try:
            mine = work()
        except InputError as raised:
            error = str(raised), isinstance(raised, WriteError)
        for rank, found in enumerate(self.gathered(error)):
            if found is not None:
                message, is_of_disk = found
                raise (WriteError if is_of_disk else InputError)(f"process {rank} of {self.size}: {message}")
        return mine

    def require_same(self, **settings: Any) -> None:
        """Make sure that all processes were asked for the same.

        Args:
            **settings: Plain values by name.

        Raises:
            InputError: In every process, if one has another value than the first.
        """
        first, *others = self.gathered(settings)
        for rank, found in enumerate(others, start=1):
            for name, value in found.items():
                if value != first[name]:
                    raise InputError(
                        f"{name}: expected the same in every process, process {rank} has {value}, "
                        f"process 0 has {first[name]}"
                    )

    def sums(self, mine: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Add tensors over the processes, each element in the order of the processes, in the tensors' own precision.

        Every process adds up one part of the elements and tells the others: 2 (N - 1) / N times their bytes are sent by
        each of N processes, and where an element lies among the others has no say in its bits.

        Args:
            mine: Tensors of one dtype, of equal shapes in every process.

        Returns:
            The sums, where the tensors are; the same bits in every process.

        Raises:
            LostProcessError: If a process is gone.
        """
        if self.size == 1:
            return list(mine)
        found: list[torch.Tensor] = []
        for bucket in _buckets(mine):
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in bucket])
            summed, sizes = self._sum(flat), [tensor.numel() for tensor in bucket]
            found += [part.view_as(like) for part, like in zip(summed.split(sizes), bucket, strict=True)]
        return found

    def _sum(self, flat: torch.Tensor) -> torch.Tensor:
        n = flat.numel()
        flat = torch.nn.functional.pad(flat, (0, -n % self.size))
        parts, summed = torch.empty_like(flat), torch.empty_like(flat)
        _told(lambda: dist.all_to_all_single(parts, flat, group=self.group))
        first, *others = parts.view(self.size, -1)
        total = first.clone()
        for other in others:
            total += other
        _told(lambda: dist.all_gather(list(summed.view(self.size, -1)), total, group=self.group))
        return summed[:n]


def on_cpu(value: Any) -> Any:
    """Copy the tensors of a value to the CPU.

    Args:
        value: Tensors and plain values, in dictionaries, lists and tuples.

    Returns:
        The same, with them there.
    """
    if torch.is_tensor(value):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: on_cpu(part) for key, part in value.items()}
    if isinstance(value, list):
        return [on_cpu(part) for part in value]
    return tuple(on_cpu(part) for part in value) if type(value) is tuple else value


def _buckets(tensors: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    bucket: list[torch.Tensor] = []
    n_bytes = 0
    for tensor in tensors:
        if bucket and n_bytes + tensor.nbytes > BUCKET_BYTES:
            yield bucket
            bucket, n_bytes = [], 0
        bucket.append(tensor)
        n_bytes += tensor.nbytes
    if bucket:
        yield bucket


def _told(call: Callable[[], Any]) -> None:
    try:
        call()
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise LostProcessError(f"a process of the group is gone, killed or out of memory ({reason})") from error
