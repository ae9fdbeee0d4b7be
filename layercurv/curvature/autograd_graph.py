"""What autograd's own graph tells of a network: where custom functions stand in the way of gradients."""

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
            leaves = (getattr(behind, "variable", None) for behind in _nodes(node))
            found |= {leaf: reason for leaf in leaves if leaf is not None}
    return found


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


def _nodes(start) -> set:
    seen, waiting = set(), [start]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
    return seen
