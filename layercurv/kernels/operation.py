"""Operations with weights, as a network uses them, and the forward pass that collects them."""

import json
import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """One kind of use: all that a library chooses a kernel by, but for machine, threads and versions."""

    kind: str  # a key of `KINDS`
    shapes: tuple[Shape, Shape]  # of input and weight; of a product [m, k] and [k, n]
    strides: tuple[Shape, Shape]  # in elements: the memory layout
    dtypes: tuple[str, str]
    settings: tuple  # what else the operation is called with: of a convolution stride, padding, dilation, ...

    @classmethod
    def from_fields(cls, fields: dict) -> "Operation":
        """Restore an operation from JSON.

        Args:
            fields: What `dataclasses.asdict` returned, lists in the place of tuples.

        Returns:
            The operation.
        """
        return cls(**{name: _tuples(value) for name, value in fields.items()})

    @property
    def key(self) -> str:
        """A text that equal operations share."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def layout(self) -> str:
        """How the images or kernels of a convolution lie: "channels_last" or "contiguous"."""
        pairs = zip(self.shapes, self.strides, strict=True)
        return "channels_last" if any(_is_channels_last(*pair) for pair in pairs) else "contiguous"

    @property
    def multiplications(self) -> int:
        """Of the forward pass; those of each gradient are as many."""
        if self.kind == "product":
            return self.shapes[0][0] * math.prod(self.shapes[1])
        if self.kind == "embedding":
            return math.prod(self.shapes[0]) * self.shapes[1][1]
        with torch.device("meta"):
            output = KINDS["convolution"](*(torch.empty(shape) for shape in self.shapes), *self.settings)
        return output.numel() * math.prod(self.shapes[1][1:])

    def __str__(self) -> str:
        """Describe it for people.

        Returns:
            Such as "convolution [32, 4, 8, 8] with [8, 4, 1, 1], stride [2, 2], ..., float32, channels_last".
        """
        names = ("stride", "padding", "dilation", "transposed", "output padding", "groups")
        words = [f"{self.kind} {list(self.shapes[0])} with {list(self.shapes[1])}"]
        if self.kind == "convolution":
            given = dict(zip(names, self.settings, strict=True))
            words += [f"{name} {list(given[name])}" for name in names[:3]] + [f"groups {given['groups']}"]
        return ", ".join([*words, self.dtypes[1], self.layout])


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _convolution(inputs: torch.Tensor, weight: torch.Tensor, *settings) -> torch.Tensor:
    return aten.convolution(inputs, weight, None, *settings)


# How each kind is called: with input, weight and settings.
KINDS = {"convolution": _convolution, "product": torch.mm, "embedding": lambda ids, W: nn.functional.embedding(ids, W)}


def collect(model: nn.Module, inputs: torch.Tensor) -> dict[Operation, str]:
    """Run a network once and list the operations it applies weights with, each kind once.

    Biases, attention's batched products and transposed convolutions, which no network here has, are left out.

    Args:
        model: The network; its BatchNorm statistics move if it is in train mode.
        inputs: A batch.

    Returns:
        Operation to the name of the first module that uses it.
    """
    found: dict[Operation, str] = {}
    with torch.no_grad(), _names(model) as stack, _Collector(found, stack):
        model(inputs)
    return found


class _Collector(TorchDispatchMode):
    """Notes every operation below all modules and functions."""

    def __init__(self, found: dict[Operation, str], stack: list[str]):
        super().__init__()
        self.found, self.stack = found, stack

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        operation = _noted(func, args)
        if operation is not None:
            self.found.setdefault(operation, self.stack[-1] if self.stack else "the network")
        return func(*args, **(kwargs or {}))


def _noted(func, args: tuple) -> Operation | None:
    if func is aten.convolution.default and not args[6]:
        inputs, weight, _, *settings = args
        return _operation("convolution", inputs, weight, settings)
    if func is aten.addmm.default:
        return _operation("product", args[1], args[2])
    if func is aten.mm.default:
        return _operation("product", *args)
    if func is aten.embedding.default:
        return _operation("embedding", args[1], args[0])
    return None


def _operation(kind: str, inputs: torch.Tensor, weight: torch.Tensor, settings=()) -> Operation:
    pair = (inputs, weight)
    return Operation(
        kind,
        tuple(tuple(tensor.shape) for tensor in pair),
        tuple(tensor.stride() for tensor in pair),
        tuple(str(tensor.dtype).removeprefix("torch.") for tensor in pair),
        _tuples(list(settings)),
    )


@contextmanager
def _names(model: nn.Module) -> Generator[list[str]]:
    # The modules being run, outermost first, while the context is open.
    stack: list[str] = []
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, name=name: stack.append(name or "the network")))
        handles.append(module.register_forward_hook(lambda *_: stack.pop() and None))
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()


def _is_channels_last(shape: Shape, strides: Shape) -> bool:
    # Channels are neighbours, and the last axis steps over all of them. With one channel the layouts are the same.
    return len(shape) in (4, 5) and strides[1] == 1 and strides[-1] == shape[1] > 1
