"""Accuracy and mean loss of a classifier or language model."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import nn


def logits_of(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Run a network and take its logits, which transformers wrap in an object.

    Args:
        model: The network.
        inputs: Its input.

    Returns:
        [N, C], or [N, T, C] for a language model.
    """
    outputs = model(inputs)
    return getattr(outputs, "logits", outputs)


def sum_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Sum the cross-entropy over samples and positions.

    Args:
        logits: [N, C] or [N, T, C].
        labels: [N] or [N, T].
        label_smoothing: Probability spread over all classes.

    Returns:
        A scalar, in nats.
    """
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten(), label_smoothing=label_smoothing, reduction="sum")


@torch.no_grad()
def evaluate(model: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, float]:
    """Evaluate in eval mode; the mode the model had is restored.

    Args:
        model: The network.
        batches: Inputs and labels, [n] or [n, T].

    Returns:
        `{"accuracy", "mean_loss", "n"}`: fraction of right answers, mean cross-entropy in nats, number of answers.
    """
    was_training = model.training
    model.eval()
    try:
        n_right, sum_loss, n = 0, 0.0, 0
        for inputs, labels in batches:
            logits = logits_of(model, inputs)
            n_right += int((logits.argmax(-1) == labels).sum())
            sum_loss += float(sum_cross_entropy(logits, labels))
            n += labels.numel()
    finally:
        model.train(was_training)
    return {"accuracy": n_right / n, "mean_loss": sum_loss / n, "n": n}
