"""Text as a language model takes it: windows of tokens, and the tokens that follow."""

from typing import Any

import torch

from layercurv.errors import InputError
from layercurv.measure.progress import LOGGER


def windows(text: str, tokenizer: Any, context: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut a text into windows that follow each other without overlap.

    Args:
        text: The text.
        tokenizer: Of transformers; None makes every byte a token.
        context: T, tokens per window.

    Returns:
        Inputs and next tokens, [n, T] each.

    Raises:
        InputError: If the text is too short for one window.
    """
    if tokenizer is None:
        LOGGER.info("the network has no tokenizer beside it: every byte is a token")
        tokens = torch.tensor(list(text.encode("utf-8")))
    else:
        tokens = torch.tensor(tokenizer(text, verbose=False)["input_ids"])
    count = (len(tokens) - 1) // context
    if count < 1:
        raise InputError(f"--context {context}: the text has {len(tokens)} tokens, one more than a window is needed")
    return tokens[: count * context].view(count, context), tokens[1 : count * context + 1].view(count, context)
