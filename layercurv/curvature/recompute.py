"""Functions that keep their arguments only, and work out the rest again in each of two backward passes.

`torch.utils.checkpoint` does so for the first backward pass. For second derivatives that is not enough: the graph of
the first pass is kept then, and with it all that was worked out again.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from layercurv.errors import InputError

T = TypeVar("T")


def recomputed(function: Callable[..., torch.Tensor], *arguments: torch.Tensor) -> torch.Tensor:
    """Call a function so that its backward passes, and those through its gradient, keep nothing but its arguments.

    Args:
        function: Of tensors, to one tensor; the same at every call. What else it reads must need no gradient.
        arguments: Its arguments.

    Returns:
        Its value, twice differentiable.
    """
    if not torch.is_grad_enabled() or not any(x.requires_grad for x in arguments):
        return function(*arguments)
    return _Recomputed.apply(function, *arguments)


def with_little_memory(function: Callable[[], T]) -> T:
    """Call a function that differentiates a network, with `RecomputedAttention` where the network can be run so.

    It cannot where a checkpoint runs parts of it again in a backward pass, where the mode is off, nor where the loss
    holds derivatives of its own.

    Args:
        function: Of nothing; may raise `InputError`, as `told` makes it.

    Returns:
        What it returns.
    """
    with contextlib.suppress(InputError), RecomputedAttention():
        return function()
    return function()


class RecomputedAttention(TorchFunctionMode):
    """While it is active, torch's own attention is called head by head and keeps its arguments only.

    In its plain form, the one with second derivatives, it would keep all pairs of tokens several times.
    """

    @override
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is not F.scaled_dot_product_attention or torch._C._are_functorch_transforms_active():
            return func(*args, **kwargs)
        q, k, v, mask, dropout, is_causal, scale, is_grouped = _arguments(*args, **kwargs)
        is_plain = q.dim() == 4 and q.shape[:2] == k.shape[:2] == v.shape[:2]
        if dropout or is_grouped or not is_plain or not outweighs(q, k, v):
            return func(*args, **kwargs)
        attend = functools.partial(func, is_causal=is_causal, scale=scale)
        given = [q, k, v] if mask is None else [q, k, v, mask.expand(*q.shape[:3], k.shape[2])]
        heads = zip(*([head for sample in x.unbind() for head in sample.unbind()] for x in given), strict=True)
        return torch.stack([recomputed(attend, *head) for head in heads]).unflatten(0, q.shape[:2])


def _arguments(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    # As torch's own attention takes them.
    return query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa


def outweighs(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> bool:
    """Tell whether an attention's pairs of tokens are more numbers than queries, keys and values together.

    Args:
        queries: [..., i, d].
        keys: [..., j, d].
        values: [..., j, e].

    Returns:
        Whether they are.
    """
    return queries[..., 0].numel() * keys.shape[-2] > queries.numel() + keys.numel() + values.numel()


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, *arguments):
        ctx.function = function
        ctx.save_for_backward(*arguments)
        return function(*arguments)

    @staticmethod
    def backward(ctx, weight):
        return None, *_Gradient.apply(ctx.function, ctx.needs_input_grad[1:], weight, *ctx.saved_tensors)


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, is_needed, weight, *arguments):
        ctx.function, ctx.is_needed = function, is_needed
        ctx.save_for_backward(weight, *arguments)
        with torch.enable_grad():
            inputs = _inputs(arguments, is_needed)
            gradients = iter(torch.autograd.grad(function(*inputs), _needed(inputs, is_needed), weight))
        return tuple(next(gradients) if needed else None for needed in is_needed)

    @staticmethod
    @once_differentiable
    def backward(ctx, *weights):
        weight, *arguments = ctx.saved_tensors
        with torch.enable_grad():
            inputs, weight = _inputs(arguments, ctx.is_needed), weight.detach().requires_grad_()
            needed = _needed(inputs, ctx.is_needed)
            gradients = torch.autograd.grad(ctx.function(*inputs), needed, weight, create_graph=True)
            given = [w for w, is_needed in zip(weights, ctx.is_needed, strict=True) if is_needed]
            found = torch.autograd.grad(gradients, [weight, *needed], given, allow_unused=True)
        of_weight, *rest = found
        rest = iter(rest)
        return None, None, of_weight, *(next(rest) if is_needed else None for is_needed in ctx.is_needed)


def _inputs(arguments, is_needed) -> list[torch.Tensor]:
    pairs = zip(arguments, is_needed, strict=True)
    return [x.detach().requires_grad_(needed) if x.is_floating_point() else x for x, needed in pairs]


def _needed(inputs: list[torch.Tensor], is_needed) -> list[torch.Tensor]:
    return [x for x, needed in zip(inputs, is_needed, strict=True) if needed]
