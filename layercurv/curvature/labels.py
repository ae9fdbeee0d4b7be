"""Labels drawn from the network itself, for which the second Bartlett identity holds exactly in expectation."""

import torch
from torch import nn

from layercurv.curvature.losses import CrossEntropy
from layercurv.curvature.objective import network_output
from layercurv.curvature.precision import full_precision


@torch.no_grad()
def with_model_labels(
    model: nn.Module, loss: CrossEntropy, batches: list[tuple[torch.Tensor, torch.Tensor]], seed: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Replace the labels by draws from the network's softmax, at each position of a text by itself.

    Args:
        model: The network, in eval mode.
        loss: The loss whose model of labels is drawn from.
        batches: Micro-batches (inputs, targets).
        seed: Of the draws.

    Returns:
        The same inputs with drawn labels.
    """
    generator = torch.Generator().manual_seed(seed)
    with full_precision():
        return [(inputs, loss.sample_targets(network_output(model, inputs), generator)) for inputs, _ in batches]
