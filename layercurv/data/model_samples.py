"""Text that a language model writes itself: data of which it knows the law."""

import torch
from torch import nn

from layercurv.data.text_data import TextWindows


@torch.no_grad()
def sample_windows(
    model: nn.Module, n_windows: int, sequence_length: int, start_token: int, seed: int, batch_size: int = 32
) -> TextWindows:
    """Draw windows from a language model, token by token at temperature 1 (ancestral sampling).

    The targets are then distributed exactly as the model predicts, each given the inputs before it: on such data the
    expected gradient is zero and the Fisher information is the expected outer product of gradients.

    Args:
        model: A language model of transformers, in eval mode.
        n_windows: How many.
        sequence_length: T, tokens drawn per window.
        start_token: Token id that every window begins with, such as the end-of-text token that stood between training
            documents; a drawn one does not end the window.
        seed: Of the draws. With another batch size, processor or number of threads they may differ.
        batch_size: Windows drawn together.

    Returns:
        Training windows only: inputs are the start token and the first T - 1 tokens drawn, targets the T tokens drawn.
    """
    device = next(model.parameters()).device
    draws = torch.Generator(device).manual_seed(seed)
    sizes = [min(batch_size, n_windows - start) for start in range(0, n_windows, batch_size)]
    tokens = torch.cat([_sampled(model, n, sequence_length, start_token, draws) for n in sizes])
    inputs, targets = tokens[:, :-1].int(), tokens[:, 1:].int()
    provenance = {
        "name": "model_samples",
        "source": f"drawn from the network itself at temperature 1, seed {seed}, after token {start_token}",
        "shards_sha256": {},
        "pixels_sha256": {},
        "n_lossy_train": 0,
        "n_train": n_windows,
        "n_test": 0,
    }
    return TextWindows(inputs, targets, inputs[:0], targets[:0], model.config.vocab_size, provenance)


def _sampled(model: nn.Module, n: int, length: int, start_token: int, draws: torch.Generator) -> torch.Tensor:
    tokens = [torch.full((n, 1), start_token, device=draws.device)]
    memory = None  # keys and values of the tokens before
    for _ in range(length):
        step = model(tokens[-1], past_key_values=memory, use_cache=True)
        memory = step.past_key_values
        tokens.append(torch.multinomial(step.logits[:, -1].double().softmax(-1), 1, generator=draws))
    return torch.cat(tokens, 1)
