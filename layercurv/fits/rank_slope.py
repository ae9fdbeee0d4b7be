"""How fast singular values fall with their rank, over the first ranks."""

import numpy as np

from layercurv.fits.power_law import fit_power_laws


def rank_slopes(spectra: list, n_ranks: int) -> list[float]:
    """Fit a power law of singular value against rank to each of several spectra.

    Args:
        spectra: Eigenvalues of W^T W, descending, shape [s][n]; those not positive are left out.
        n_ranks: Over how many ranks, at most.

    Returns:
        Minus the slope of each.

    Raises:
        InputError: If fewer than three values are left, or one is not finite.
    """
    values = [[value for value in spectrum if value > 0][:n_ranks] for spectrum in spectra]
    fits = fit_power_laws([(np.arange(1.0, len(kept) + 1), np.sqrt(kept)) for kept in values])
    return [-fit.slope for fit in fits]
