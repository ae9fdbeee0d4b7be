"""How fast singular values fall with their rank, over the first ranks."""

import numpy as np

from layercurv.fits.power_law import fit_power_laws


def rank_slopes(spectra: list[tuple]) -> list[float]:
    """Fit a power law of singular value against rank to each of several spectra.

    Args:
        spectra: For each the eigenvalues of W^T W, descending, and over how many ranks, at most; eigenvalues that are
            not positive are left out.

    Returns:
        Minus the slope of each.

    Raises:
        InputError: If fewer than three values are left, or one is not finite.
    """
    kept = (np.array([value for value in spectrum if value > 0][:n_ranks]) for spectrum, n_ranks in spectra)
    fits = fit_power_laws([(np.arange(1.0, values.size + 1), np.sqrt(values)) for values in kept])
    return [-fit.slope for fit in fits]
