"""Fits that many claims ask of the same layers: each computed once, those of many layers together."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

import numpy as np

from layercurv.fits.decomposition import decomposition_slopes_of
from layercurv.fits.model_selection import profile_bic_of
from layercurv.fits.spectral_exponents import fit_alpha_of, fit_spectral_exponents_of, usable_directions
from layercurv.fits.tail_exponent import tail_exponent_of
from layercurv.fits.transfer import held_out_error_of, transfer_errors_of

KINDS = ("empirical", "ggn")
LISTS = ("singular_values", "curvatures", "is_null")
UNFIT = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)  # what a malformed layer may raise


class LayerFit:
    """A fit of a layer; those of many layers can be made together beforehand."""

    def __init__(self, of_many: Callable[[list], list], numbers: Callable[[dict], object]):
        """Wrap a fit.

        Args:
            of_many: The fit of many layers at once, given their numbers; it raises if one of them cannot be fitted.
            numbers: What the fit of a layer rests on.
        """
        self._of_many, self._numbers = of_many, numbers
        self._at_hand: dict[int, object] = {}  # by identity of the layer, while `at_hand` is entered

    def __call__(self, layer: dict):
        """Fit one layer.

        Args:
            layer: The layer.

        Returns:
            The fit, which must not be changed.
        """
        return self._at_hand[id(layer)] if id(layer) in self._at_hand else self._fits([layer])[0]

    @contextmanager
    def at_hand(self, groups: list[list[dict]]) -> Generator[None]:
        """Fit layers at once and know them by identity until the block ends: nobody may change them meanwhile.

        Args:
            groups: The layers. Where one cannot be fitted, its group is not, and what is wrong with it is raised when
                it is asked for.

        Yields:
            Nothing.
        """
        layers = list({id(layer): layer for group in groups for layer in group}.values())
        if not self._keep(layers):
            for group in groups:
                self._keep(group)
        try:
            yield
        finally:
            self._at_hand = {}

    def _keep(self, layers: list[dict]) -> bool:
        try:
            self._at_hand.update(zip(map(id, layers), self._fits(layers), strict=True))
        except UNFIT:
            return False
        return True

    def _fits(self, layers: list[dict]) -> list:
        return self._of_many(list(map(self._numbers, layers)))


Reads = tuple[tuple[LayerFit, Callable[[dict], list[dict]]], ...]


def reads(*fits: LayerFit, layers_of: Callable[[dict], list[dict]] = lambda layer: [layer]) -> Reads:
    """Say which fits a quantity reads.

    Args:
        *fits: The fits.
        layers_of: The layers in what the quantity takes; itself, if that is one layer.

    Returns:
        Each fit with `layers_of`.
    """
    return tuple((fit, layers_of) for fit in fits)


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


alpha_of = LayerFit(fit_alpha_of, lists_of)
alpha_without_first_of = LayerFit(fit_alpha_of, partial(lists_of, first=1))
exponents_of = LayerFit(fit_spectral_exponents_of, lists_of)
transfer_of = LayerFit(transfer_errors_of, _used_lists)
held_out_of = LayerFit(held_out_error_of, _halves)
slopes_of = {kind: LayerFit(decomposition_slopes_of, partial(_factors, kind)) for kind in KINDS}
profile_of = LayerFit(profile_bic_of, _not_null)
tail_of = LayerFit(tail_exponent_of, lambda layer: layer["weight_eigenvalues"])
