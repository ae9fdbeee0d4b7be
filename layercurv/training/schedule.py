"""Learning rate as a function of the step."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def cosine_with_warmup(optimizer: Optimizer, n_steps: int, warmup_steps: int) -> LambdaLR:
    """Scale the learning rate: linear rise over the warm-up, then half a cosine down to zero.

    Args:
        optimizer: Its current rates are the peak rates.
        n_steps: Steps in the whole run.
        warmup_steps: Steps of linear warm-up; 0 for none.

    Returns:
        A scheduler to be stepped once per optimisation step.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, n_steps - warmup_steps)))

    return LambdaLR(optimizer, factor)
