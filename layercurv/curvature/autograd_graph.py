"""What autograd's own graph tells of a network: where custom functions and hooks stand in the way of gradients."""

import contextlib
from collections.abc import Generator

import torch
from torch.autograd.function import BackwardCFunction

# Of torch's own: it takes the norm for a constant when it is differentiated twice (an asymmetric Hessian, torch 2.13).
_WEIGHT_NORM = "WeightNormInterfaceBackward0"


def weights_behind_custom_functions(output: torch.Tensor) -> dict[torch.Tensor, str]:
    """Find the weights whose gradients pass through an `autograd.Function` written in Python, or torch's weight norm.

    Such a function says itself what its derivative is. Hooks on modules' gradients, gradient reversal, straight-through
    estimators, reentrant checkpoints and compiled parts are of this kind.

    Args:
        output: A network's output, or a loss.

    Returns:
        Weight to reason.
    """
    found = {}
    for node in _nodes(output.grad_fn):
        if isinstance(node, BackwardCFunction) or node.name() == _WEIGHT_NORM:
            is_custom = isinstance(node, BackwardCFunction)
            what = f"{type(node).__name__}, a custom autograd.Function" if is_custom else "torch's weight normalisation"
            reason = f"its gradient passes through {what}"
            found |= dict.fromkeys(_leaves(node), reason)
    return found


@contextlib.contextmanager
def hooked_tensors() -> Generator[list[torch.Tensor]]:
    """Note the tensors that are given a hook on their gradient inside the block, which autograd's graph does not show.

    Yields:
        The tensors so far.
    """
    found: list[torch.Tensor] = []
    register = torch.Tensor.register_hook

    def noted(tensor: torch.Tensor, hook):
        found.append(tensor)
        return register(tensor, hook)

    torch.Tensor.register_hook = noted
    try:
        yield found
    finally:
        torch.Tensor.register_hook = register


def weights_behind_hooks(output: torch.Tensor, hooked: list[torch.Tensor]) -> dict[torch.Tensor, str]:
    """Find the weights whose gradients a hook may change.

    Args:
        output: A network's output, or a loss.
        hooked: What `hooked_tensors` noted while it was computed.

    Returns:
        Weight to reason; those with a hook of their own are among them.
    """
    starts = {tensor.grad_fn for tensor in hooked} - {None}
    found = {leaf for start in starts for leaf in _leaves(start)}
    found |= {leaf for leaf in _leaves(output.grad_fn) if leaf._backward_hooks}
    return dict.fromkeys(found, "a hook changes its gradient")


def is_once_differentiable(gradient: torch.Tensor) -> bool:
    """Tell whether a custom function on the way refuses to be differentiated again.

    Autograd itself says so only where it comes across that function again; elsewhere it silently takes the second
    derivative for zero.

    Args:
        gradient: A gradient that has a graph.

    Returns:
        Whether any is marked `once_differentiable`.
    """
    return any(node.name() == "torch::autograd::Error" for node in _nodes(gradient.grad_fn))


def _leaves(start) -> set[torch.Tensor]:
    leaves = (getattr(node, "variable", None) for node in _nodes(start))
    return {leaf for leaf in leaves if leaf is not None}


def _nodes(start) -> set:
    seen, waiting = set(), [start]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
    return seen
