"""Accuracy and mean loss of a classifier."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import nn


@torch.no_grad()
def evaluate(model: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, float]:
    """Evaluate in eval mode; the mode the model had is restored.

    Args:
        model: The classifier.
        batches: Inputs and labels [n].

    Returns:
        `{"accuracy", "mean_loss", "n"}`: fraction of right answers, mean cross-entropy in nats, samples.
    """
    was_training = model.training
    model.eval()
    try:
        n_right, sum_loss, n = 0, 0.0, 0
        for inputs, labels in batches:
            logits = model(inputs)
            n_right += int((logits.argmax(1) == labels).sum())
            sum_loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            n += len(labels)
    finally:
        model.train(was_training)
    return {"accuracy": n_right / n, "mean_loss": sum_loss / n, "n": n}
