"""Fits on plain numbers (numpy and scipy only).

- `power_law`: one log-log least-squares line with its interval
- `spectral_exponents`: alpha, gamma and s of one layer from its sigma and h lists
- `decomposition`: the five slopes whose sum is alpha
- `bootstrap`: an interval of alpha from the scatter of samples
"""

from layercurv.fits.bootstrap import bootstrap_alpha
from layercurv.fits.decomposition import alignment_terms, decomposition_slopes
from layercurv.fits.power_law import PowerLawFit, fit_power_law
from layercurv.fits.spectral_exponents import fit_spectral_exponents, usable_directions

__all__ = [
    "PowerLawFit",
    "alignment_terms",
    "bootstrap_alpha",
    "decomposition_slopes",
    "fit_power_law",
    "fit_spectral_exponents",
    "usable_directions",
]
