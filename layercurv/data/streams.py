"""Independent random streams: every draw is a function of (seed, purpose, index)."""

import numpy as np
import torch

ORDER, AUGMENT, MEASURE, HALVES = 0, 1, 2, 3  # one stream per purpose


def generator(seed: int, stream: int, index: int) -> torch.Generator:
    """Start the stream of one purpose at one index.

    Args:
        seed: The run's seed.
        stream: Which purpose.
        index: Epoch, step or the like.

    Returns:
        A generator on the CPU.
    """
    state = np.random.SeedSequence([seed, stream, index]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))
