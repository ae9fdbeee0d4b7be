"""Optimisers by name, torch's own classes."""

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from layercurv.errors import choose

OPTIMIZERS = {"sgd": SGD, "adamw": AdamW}


def build_optimizer(model: nn.Module, name: str, learning_rate: float, weight_decay: float, **options) -> Optimizer:
    """Build an optimiser over all parameters; weight decay acts on weight matrices and kernels only.

    Args:
        model: The network.
        name: "sgd" or "adamw".
        learning_rate: Peak learning rate.
        weight_decay: Decay of parameters with two or more dimensions; biases and normalisation get none.
        **options: Passed to the torch class (momentum, nesterov, betas, eps).

    Returns:
        The optimiser, with two parameter groups.
    """
    cls = choose("optimizer", name, OPTIMIZERS)
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return cls(groups, lr=learning_rate, **options)
