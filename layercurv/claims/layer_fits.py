"""Fits that many claims ask of the same layers."""

from functools import partial

import numpy as np

from claimgate.shared_fit import SharedFit
from layercurv.fits.decomposition import decomposition_slopes_of
from layercurv.fits.model_selection import profile_bic_of
from layercurv.fits.spectral_exponents import fit_alpha_of, fit_spectral_exponents_of, usable_directions
from layercurv.fits.tail_exponent import tail_exponent_of
from layercurv.fits.transfer import held_out_error_of, transfer_errors_of

KINDS = ("empirical", "ggn")
LISTS = ("singular_values", "curvatures", "is_null")


def lists_of(layer: dict, first: int = 0) -> tuple[list, list, list]:
    """Take the three lists that fits of alpha, gamma and s are made of.

    Args:
        layer: A layer of a record.
        first: How many directions to leave out.

    Returns:
        sigma, h and whether a direction is null, each of shape [K - first].
    """
    sigma, h, is_null = (layer[name] for name in LISTS)
    return sigma[first:], h[first:], is_null[first:]


def _used_lists(layer: dict) -> tuple[list, list, np.ndarray]:
    sigma, h, is_null = lists_of(layer)
    return sigma, h, usable_directions(sigma, h, is_null)


def _halves(halves: dict) -> tuple:
    return *_used_lists(halves["a"]), *_used_lists(halves["b"])[1:]


def _not_null(layer: dict) -> list:
    return [sigma for sigma, null in zip(layer["singular_values"], layer["is_null"], strict=True) if not null]


def _factors(kind: str, layer: dict) -> tuple:
    pairs = [layer["kronecker"][factor] for factor in (kind, "A")]
    spectra = ([pair[key] for key in ("eigenvalues", "rayleigh")] for pair in pairs)
    return *lists_of(layer), *spectra, layer["n_positions"]


alpha_of = SharedFit(fit_alpha_of, lists_of)
alpha_without_first_of = SharedFit(fit_alpha_of, partial(lists_of, first=1))
exponents_of = SharedFit(fit_spectral_exponents_of, lists_of)
transfer_of = SharedFit(transfer_errors_of, _used_lists)
held_out_of = SharedFit(held_out_error_of, _halves)
slopes_of = {kind: SharedFit(decomposition_slopes_of, partial(_factors, kind)) for kind in KINDS}
profile_of = SharedFit(profile_bic_of, _not_null)
tail_of = SharedFit(tail_exponent_of, lambda layer: layer["weight_eigenvalues"])
