"""Recording a forward pass as a `Tape`: each operation as it is executed, and what autograd was told of it."""

import contextlib
import itertools
import weakref
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from layercurv.curvature.autograd_graph import weights_behind_custom_functions
from layercurv.curvature.batches import Batch, of_inputs
from layercurv.curvature.objective import copied, network_output, told
from layercurv.curvature.tape import Operation, Tape, Value, tensors_of
from layercurv.errors import InputError


def record(model: nn.Module, inputs: torch.Tensor | Batch) -> Tape:
    """Record one forward pass.

    Attention runs in its plain form (matrix products and a softmax), which has second derivatives.

    Args:
        model: The network, in eval mode.
        inputs: Its input.

    Returns:
        The tape, for these inputs.

    Raises:
        InputError: If the network fails, or does what a tape cannot hold.
    """
    batch = of_inputs(inputs)
    without, recorder = _WithoutActivations(), None
    with contextlib.suppress(InputError):  # functorch's transforms refuse such hooks
        recorder, output = _recorded(model, batch, without)
    if recorder is None or without.were_needed:  # the network differentiates something in its own forward pass
        recorder, output = _recorded(model, batch, contextlib.nullcontext())
    tape = recorder.tape
    tape.network_output = recorder.value_of(output)
    tape.output = output.detach()
    recorder.finish(output)
    tape.operations = _without_idle_copies(tape)
    read = {index for operation in tape.operations for index in operation.inputs}
    tape.constants = {i: t for i, t in tape.constants.items() if i in read}
    return tape


class _WithoutActivations(saved_tensors_hooks):
    """Keeps nothing for a backward pass: autograd's graph is looked at, not used, and would fill the memory."""

    def __init__(self):
        super().__init__(lambda _tensor: None, self._unpack)
        self.were_needed = False

    def _unpack(self, _nothing: None) -> torch.Tensor:
        self.were_needed = True
        raise RuntimeError("activations were not kept")


def _recorded(model: nn.Module, batch: Batch, saving: AbstractContextManager) -> tuple["_Recorder", torch.Tensor]:
    batch = batch.map(copied)
    recorder = _Recorder(batch.tensors, itertools.chain(model.parameters(), model.buffers()))
    failed = f"{type(model).__name__}: its forward pass failed"
    torch.clear_autocast_cache()  # a cast made before is not recorded
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), told(failed), saving, recorder:
        output = network_output(model, batch)
    return recorder, output


class _Recorder(TorchDispatchMode):
    """Writes down each operation, and what autograd was told of it."""

    def __init__(self, inputs: Iterable[torch.Tensor], constants: Iterable[torch.Tensor]):
        super().__init__()
        self.tape = Tape()
        # Id of a tensor to the tensor and its value; None as value after a write into memory it shares. Weak, so that
        # activations are freed as ever; an id that is used again then meets another tensor.
        self._known: dict[int, tuple[weakref.ref, int | None]] = {}
        self._moving: set[int] = set()  # values that autograd follows back to a weight
        self._detached: dict[int, int] = {}  # value to its detached form
        for tensor in inputs:
            self.tape.network_inputs.append(self._new(tensor))
            if tensor.requires_grad:
                self._moving.add(self.tape.network_inputs[-1])
        for constant in constants:
            self._constant(constant)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with self:  # operations made of others are recorded as those
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise InputError(f"the network draws random numbers ({func}); call model.eval() or remove the randomness")
        recorded_args, recorded_kwargs = tree_map(self._recorded, (args, kwargs))
        op = _functional(func) if func._schema.is_mutable else func
        if op is torch.ops.aten.as_strided.default and _moves_nothing(*args[:3]):
            op, recorded_args = torch.ops.aten.alias.default, recorded_args[:1]
        is_followed = torch.is_grad_enabled() and any(x.requires_grad for x in tensors_of((args, kwargs)))
        output = func(*args, **kwargs)
        if func._schema.is_mutable:
            self._forget_aliases(output)
        outputs = tuple(self._new(tensor) for tensor in tensors_of(output))
        if is_followed and op is not torch.ops.aten.detach.default:
            self._moving |= self.tape.floating.intersection(outputs)
        read = {tensor.untyped_storage()._cdata for tensor in tensors_of((args, kwargs))}
        shared = (i for i, t in zip(outputs, tensors_of(output), strict=True) if t.untyped_storage()._cdata in read)
        self.tape.views.update(shared)
        name = op._schema.name.removeprefix("aten::")
        self.tape.operations.append(Operation(name, op, recorded_args, recorded_kwargs, outputs))
        return output

    def value_of(self, tensor: torch.Tensor) -> int:
        """Find the value that a tensor is to autograd: itself, or its detached form.

        Args:
            tensor: The tensor.

        Returns:
            The value's index.

        Raises:
            InputError: If its memory was written to under another name.
        """
        known, index = self._known.get(id(tensor), (lambda: None, None))
        if known() is not tensor:
            index = self._constant(tensor)
        if index is None and tensor.requires_grad:
            raise InputError("the network reads a tensor after writing in place into memory it shares")
        if index is None:  # to autograd a constant, such as a mask filled part by part: as it is now
            index = self._constant(tensor.detach().clone())
            self._known[id(tensor)] = weakref.ref(tensor), index
        if tensor._backward_hooks:
            self.tape.opaque[index] = "a hook changes gradients"
        is_followed = tensor.requires_grad and torch.is_grad_enabled()
        if is_followed and index not in self._moving:
            self.tape.opaque[index] = "autograd is told something else than is computed (a custom autograd.Function?)"
            self._moving.add(index)
        return index if is_followed or index not in self._moving else self._detach(index)

    def finish(self, output: torch.Tensor) -> None:
        """Look for what only the finished graph of autograd shows."""
        for known, index in self._known.values():
            tensor = known()
            if tensor is not None and index is not None and tensor._backward_hooks:
                self.tape.opaque[index] = "a hook changes gradients"
        for weight, reason in weights_behind_custom_functions(output).items():
            index = self.tape.index_of(weight)
            if index is not None:
                self.tape.beyond[index] = reason

    def _detach(self, index: int) -> int:
        if index not in self._detached:
            new = self._detached[index] = self._number(self.tape.shapes[index], index in self.tape.complex)
            op = torch.ops.aten.detach.default
            self.tape.operations.append(Operation("detach", op, (Value(index),), {}, (new,)))
            self.tape.views.add(new)
        return self._detached[index]

    def _constant(self, tensor: torch.Tensor) -> int:
        index = self._new(tensor)
        self.tape.constants[index] = tensor
        if tensor.requires_grad and tensor.is_leaf:
            self._moving.add(index)
        return index

    def _new(self, tensor: torch.Tensor) -> int:
        index = self._number(tensor.shape, tensor.is_complex())
        if tensor.is_floating_point() or tensor.is_complex():
            self.tape.eps = max(self.tape.eps, torch.finfo(tensor.dtype).eps)
        else:
            self.tape.floating.discard(index)
        self._known[id(tensor)] = weakref.ref(tensor), index
        return index

    def _number(self, shape: torch.Size, is_complex: bool) -> int:
        index = len(self.tape.shapes)
        self.tape.shapes[index] = shape
        self.tape.floating.add(index)
        if is_complex:
            self.tape.complex.add(index)
        return index

    def _recorded(self, argument):
        return Value(self.value_of(argument)) if isinstance(argument, torch.Tensor) else argument

    def _forget_aliases(self, written: torch.Tensor) -> None:
        if not isinstance(written, torch.Tensor):
            raise InputError("the network writes into several tensors at once")
        storage = written.untyped_storage()._cdata
        for identity, (known, _) in self._known.items():
            tensor = known()
            if tensor is not None and tensor is not written and tensor.untyped_storage()._cdata == storage:
                self._known[identity] = known, None


def _without_idle_copies(tape: Tape) -> list[Operation]:
    # Autograd detaches what some operations keep for their derivatives; nobody reads it.
    read = {index for operation in tape.operations for index in operation.inputs} | {tape.network_output}
    return [o for o in tape.operations if o.name != "detach" or not read.isdisjoint(o.outputs)]


def _functional(func: torch._ops.OpOverload) -> torch._ops.OpOverload:
    # aten.relu_.default -> aten.relu.default
    packet = getattr(torch.ops.aten, func._schema.name.removeprefix("aten::").removesuffix("_"), None)
    if packet is None or not hasattr(packet, func._overloadname):
        raise InputError(f"the network uses {func}, which has no form that does not write in place")
    return getattr(packet, func._overloadname)


def _moves_nothing(tensor: torch.Tensor, size: Sequence[int], stride: Sequence[int]) -> bool:
    # Adaptive pooling to one pixel ends in such a change of strides, along axes of length one.
    same = (new == old for n, new, old in zip(size, stride, tensor.stride(), strict=False) if n > 1)
    return list(size) == list(tensor.shape) and all(same)
