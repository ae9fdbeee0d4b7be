"""The state a network is in while it is measured, and back to what it was before, whatever happens.

While it is measured: gradients are on, whoever called; autocast and reduced precision are off, and half-precision
weights are in float32; attention and recurrent layers run in the forms that have second derivatives; what torch.compile
made, which has none, runs as it was written; a weight that is computed from other parameters is held as what it is.
"""

import contextlib
import sys
from collections import OrderedDict
from collections.abc import Generator, Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from layercurv.curvature.layers import WeightLayer, differentiable, require_module
from layercurv.curvature.precision import HALF, full_precision
from layercurv.curvature.whole import require_whole
from layercurv.errors import InputError

_MOST_BYTES_KEPT = 2**26
_KEPT_CONTAINERS = (dict, OrderedDict, list, set)


@contextlib.contextmanager
def measuring(
    model: nn.Module, layers: Sequence[WeightLayer], dtype: torch.dtype | None = None
) -> Generator[torch.dtype | None]:
    """Put a network in the state for measuring.

    Args:
        model: The network, in eval mode.
        layers: The layers whose weights must require gradients.
        dtype: All floating weights and buffers are cast to it, while the network is being measured already; None casts
            those of half precision to float32.

    Yields:
        The dtype that floating inputs must be cast to; None leaves them.
    """
    require_eval_mode(model)
    with contextlib.ExitStack() as stack:
        stack.enter_context(unchanged(model, copies=dtype is None))
        if "torch._dynamo" in sys.modules:  # else nothing is compiled
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast(_device_type(model), enabled=False))
        stack.enter_context(full_precision())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(_TwiceDifferentiable())
        if any(isinstance(module, nn.RNNBase) for module in model.modules()):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        cast_to = stack.enter_context(_cast(model, dtype))
        _hold_computed_weights(layers)
        stack.enter_context(differentiable(layers))
        yield cast_to


class _TwiceDifferentiable(TorchFunctionMode):
    """Replaces what torch has no second derivative of by what means the same."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.hardsigmoid:
            return F.relu6(args[0] + 3) / 6
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def unchanged(model: nn.Module, copies: bool = True) -> Generator[None]:
    """Put a network's attributes, parameters, flags, gradients, buffers and hooks back at the end.

    Args:
        model: The network.
        copies: Whether to look for what is written in place too, which takes a copy of the network.

    Yields:
        None.
    """
    kept = [(module, type(module), _attributes(module)) for module in model.modules()]
    flags = [(p, p.requires_grad, p.grad) for p in model.parameters()]
    values = [(t, t.detach().clone()) for t in (_tensors_that_may_change(model) if copies else ())]
    try:
        yield
    finally:
        for module, kind, attributes in kept:
            module.__class__ = kind
            _restore(module, attributes)
        for parameter, flag, gradient in flags:
            parameter.requires_grad_(flag)
            parameter.grad = gradient
        with torch.no_grad():
            for tensor, value in values:
                if not torch.equal(torch.nan_to_num(tensor), torch.nan_to_num(value)):
                    tensor.copy_(value)


def require_eval_mode(model: nn.Module) -> None:
    """Raise if a layer behaves differently in training and is in train mode, or is not made yet, or not here.

    Args:
        model: The network.

    Raises:
        InputError: Naming the first such layer; or if it is no network.
    """
    require_module(model)
    require_whole(model)
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.UninitializedParameter):
            raise InputError(f"parameter {name} has no shape yet; run the network once on a batch")
    for name, module in model.named_modules():
        is_batch_norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
        is_dropout = isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0
        if module.training and (is_batch_norm or is_dropout):
            raise InputError(f"layer {name}: expected {type(module).__name__} in eval mode; call model.eval() first")


def _device_type(model: nn.Module) -> str:
    return next((p.device.type for p in model.parameters() if p.device.type != "meta"), "cpu")


def _attributes(module: nn.Module) -> dict:
    # Each attribute, and what it contains where it is a container: modules keep caches in lists and dictionaries.
    return {k: (v, v.copy() if type(v) in _KEPT_CONTAINERS else None) for k, v in vars(module).items()}


def _restore(module: nn.Module, attributes: dict) -> None:
    for name in vars(module).keys() - attributes.keys():
        del vars(module)[name]
    for name, (value, content) in attributes.items():
        vars(module)[name] = value
        if isinstance(content, list):
            value[:] = content
        elif content is not None:
            value.clear()
            value.update(content)


def _tensors_that_may_change(model: nn.Module) -> list[torch.Tensor]:
    found = {id(p): p for p in model.parameters() if p.device.type != "meta"}
    if sum(p.nbytes for p in found.values()) > _MOST_BYTES_KEPT:
        found = {}  # a network that changes its own weights when it runs, and is as large as that, is not put back
    for module in model.modules():
        tensors = [*module._buffers.values(), *(v for v in vars(module).values() if type(v) is torch.Tensor)]
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None:
            tensors.append(module.weight)  # its forward pass scales rows in place
        found |= {id(t): t for t in tensors if t is not None and t.is_leaf and t.device.type != "meta"}
    return [t for t in found.values() if t.layout is torch.strided]


@contextlib.contextmanager
def _cast(model: nn.Module, dtype: torch.dtype | None) -> Generator[torch.dtype | None]:
    wrong = HALF if dtype is None else (*HALF, torch.float32, torch.float64)
    target = dtype or torch.float32
    kept = [(p, p.data) for p in model.parameters() if p.dtype in wrong and p.dtype != target]
    is_cast = bool(kept) or dtype is not None
    try:
        for parameter, data in kept:
            parameter.grad = None  # put back by `unchanged`; of another dtype than the data
            parameter.data = data.to(target)
        cast: dict[int, torch.Tensor] = {}
        for module in model.modules() if is_cast else ():
            for name, buffer in module._buffers.items():
                if buffer is not None and buffer.dtype in wrong and buffer.dtype != target:
                    module._buffers[name] = cast.setdefault(id(buffer), buffer.to(target))
        yield target if is_cast else None
    finally:
        for parameter, data in kept:
            parameter.data = data


def _hold_computed_weights(layers: Sequence[WeightLayer]) -> None:
    """Replace weights that modules compute by leaves with their values; `unchanged` puts the class back.

    Raises:
        InputError: If a layer is of a TorchScript module.
    """
    for layer in layers:
        module, name = layer.module, layer.attribute
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError(f"{layer.name} is of a TorchScript module; pass the network that it was made from")
        if module._parameters.get(name) is not None:
            continue
        for hook in module._forward_pre_hooks.values():
            if hasattr(hook, "compute_weight") or hasattr(hook, "apply_mask"):
                hook(module, ())  # weight_norm, spectral_norm, pruning: the attribute may be of an older step
        held = getattr(module, name).detach().clone()
        of_module = property(lambda _self, held=held: held, lambda _self, _value: None)
        module.__class__ = type(type(module).__name__, (type(module),), {name: of_module})
