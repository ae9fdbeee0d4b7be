"""A check of law-finding on factors whose law is known."""

import numpy as np

from layercurv.fits.agreement import label_agreement
from layercurv.fits.model_selection import profile_bic
from layercurv.fits.separable_variance import sampled_singular_values


def synthetic_agreement(sizes: list[int], n_pairs: int, n_samples: float, seed: int) -> dict:
    """Plant a law in the output factor, a flat input factor, and ask BIC for the law of noise between the two.

    Laws: k^-a with a in [1, 2], exp(-k/r) with r a tenth to a third of the size, exp(-(ln k)^2 / 2 w) with w in [1, 3].

    Args:
        sizes: Side lengths drawn from.
        n_pairs: Pairs of factors; the laws take turns.
        n_samples: N of the noise.
        seed: Of everything drawn.

    Returns:
        As `label_agreement`, planted law against found law, and `planted` and `found`, one label per pair.
    """
    rng = np.random.default_rng(seed)
    planted, found = [], []
    for index in range(n_pairs):
        law = ("power_law", "exponential", "log_normal")[index % 3]
        size = int(rng.choice(sizes))
        k = np.arange(1.0, size + 1)
        factor = {
            "power_law": lambda k: k ** -rng.uniform(1, 2),
            "exponential": lambda k: np.exp(-k / rng.uniform(0.1, 0.3) / k.size),
            "log_normal": lambda k: np.exp(-(np.log(k) ** 2) / 2 / rng.uniform(1, 3)),
        }[law](k)
        noise = sampled_singular_values(factor, np.ones(size), n_samples, size // 2, n_draws=4, seed=seed + index)
        planted.append(law)
        found.append(profile_bic(noise["values"])["winner"])
    return label_agreement(planted, found, seed=seed) | {"planted": planted, "found": found}
