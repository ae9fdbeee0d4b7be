"""Optimisers that act on singular values, and those they are compared with.

- `build`: an optimiser by name
- `spectral_step`: T(sigma; alpha) along the singular directions of one matrix
- `spectral_newton`: Spectral Newton as a torch optimiser
- `muon`: torch's Muon for networks with convolutions
- `param_groups`: a network split by layer, with alpha or a scaled learning rate each
- `layer_weights`: which parameters are weight matrices, and their view as such
- `step_cosine`: the angle between Spectral Newton's step and SGD's
"""

from layercurv.optim.build import build_optimizer
from layercurv.optim.muon import MuonWithAdamW
from layercurv.optim.param_groups import scaled_groups, spectral_groups
from layercurv.optim.spectral_newton import SpectralNewton
from layercurv.optim.spectral_step import spectral_step
from layercurv.optim.step_cosine import step_cosine

__all__ = [
    "MuonWithAdamW",
    "SpectralNewton",
    "build_optimizer",
    "scaled_groups",
    "spectral_groups",
    "spectral_step",
    "step_cosine",
]
