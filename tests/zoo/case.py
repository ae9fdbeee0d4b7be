"""One case: a network, its batches, our loss, and the user's own loss as the oracle calls it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from layercurv.curvature import CrossEntropy


@dataclass(frozen=True)
class Case:
    name: str
    build: Callable[[], nn.Module]
    batches: Callable[[], list]
    loss: Any = field(default_factory=CrossEntropy)
    own: Callable[[nn.Module, Any], torch.Tensor] | None = None  # mean over a batch's samples; None: cross-entropy
    layers: list[str] | str | None = None  # names or patterns; None: all weight layers
    parameters: list[str] | str | None = None  # measured too
    engines: frozenset[str] | None = None  # that may measure it; None: any
    dtype: torch.dtype = torch.float64
    tolerance: float = 1e-7
    n_samples: Callable[[Any], int] | None = None  # of a batch; None: length of the first tensor
    refused: str | None = None  # the error expected in place of numbers
    bake: Callable[[nn.Module], nn.Module] | None = None  # makes the network that the oracle differentiates
    slow: bool = False

    def __str__(self):
        return self.name


def seeded(build: Callable[[], Any]) -> Callable[[], Any]:
    def made():
        torch.manual_seed(0)
        return build()

    return made


def vectors(n: int = 6, width: int = 4, n_classes: int = 3, n_batches: int = 2) -> Callable[[], list]:
    def made():
        generator = torch.Generator().manual_seed(1)
        return [
            (
                torch.randn(n, width, generator=generator, dtype=torch.float64),
                torch.randint(0, n_classes, (n,), generator=generator),
            )
            for _ in range(n_batches)
        ]

    return made


def images(n: int = 3, channels: int = 3, size: int = 8, n_classes: int = 3, n_batches: int = 1) -> Callable[[], list]:
    def made():
        generator = torch.Generator().manual_seed(1)
        return [
            (
                torch.randn(n, channels, size, size, generator=generator, dtype=torch.float64),
                torch.randint(0, n_classes, (n,), generator=generator),
            )
            for _ in range(n_batches)
        ]

    return made


def tokens(n: int = 3, length: int = 5, vocabulary: int = 11, n_batches: int = 1) -> Callable[[], list]:
    def made():
        generator = torch.Generator().manual_seed(1)
        drawn = [torch.randint(0, vocabulary, (n, length + 1), generator=generator) for _ in range(n_batches)]
        return [(text[:, :-1], text[:, 1:]) for text in drawn]

    return made
