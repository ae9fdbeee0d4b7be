"""Full-batch gradient descent with a fixed step, for problems of seconds; it keeps the weights along the way."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from layercurv.errors import InputError


@dataclass(frozen=True)
class Snapshot:
    """The state before a step."""

    step: int
    mean_loss: float
    gradient_norm: float  # over all parameters
    weights: list[torch.Tensor]  # copies of the parameters, in the network's order


def gradient_descent(
    model: nn.Module,
    mean_loss: Callable[[], torch.Tensor],
    learning_rate: float,
    n_steps: int,
    gradient_tolerance: float,
    n_snapshots: int,
) -> list[Snapshot]:
    """Descend until the gradient's norm falls to the tolerance or the steps are used up; not resumable.

    Args:
        model: The network; it is left as the last snapshot shows it.
        mean_loss: Evaluates the model on the whole data set.
        learning_rate: Step size, fixed.
        n_steps: Most steps to take.
        gradient_tolerance: Norm at which the run counts as converged.
        n_snapshots: Snapshots over a run of all steps, at step 0 and in equal ratios from 1 to n_steps; fewer if
            rounding makes two of them one.

    Returns:
        The snapshots of the run, the state at its end always the last.

    Raises:
        InputError: If there are fewer than two snapshots or one step, or the loss is not finite.
    """
    at = log_spaced_steps(n_steps, n_snapshots)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    snapshots = []
    for step in range(n_steps + 1):
        optimizer.zero_grad()
        loss = mean_loss()
        loss.backward()
        norm = float(nn.utils.get_total_norm([p.grad for p in model.parameters()]))
        if not math.isfinite(norm):
            raise InputError(f"gradient descent diverged at step {step} of {n_steps}; lower learning_rate")
        is_last = norm <= gradient_tolerance or step == n_steps
        if is_last or step in at:
            copies = [p.detach().clone() for p in model.parameters()]
            snapshots.append(Snapshot(step, float(loss.detach()), norm, copies))
        if is_last:
            break
        optimizer.step()
    return snapshots


def log_spaced_steps(n_steps: int, count: int) -> set[int]:
    """Choose step 0 and steps in equal ratios from 1 to n_steps.

    Args:
        n_steps: The last step.
        count: How many, step 0 included.

    Returns:
        The steps; fewer than `count` if rounding makes two of them one.

    Raises:
        InputError: If count is under 2 or n_steps under 1.

    Example:
        >>> sorted(log_spaced_steps(1000, 5))
        [0, 1, 10, 100, 1000]
    """
    if count < 2 or n_steps < 1:
        raise InputError(f"expected steps >= 1 and snapshots >= 2, got {n_steps} and {count}")
    return {0, n_steps, *(round(step) for step in np.geomspace(1, n_steps, count - 1))}
