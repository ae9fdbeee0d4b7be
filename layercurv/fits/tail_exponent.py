"""The exponent of a heavy tail without a bound on it."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from claimgate.statistics.reproducible import exp, log
from layercurv.errors import InputError
from layercurv.fits.segments import Segments

MIN_TAIL = 10  # positive values there must be
COARSE = 4  # every so many values are looked at first
BLOCK = 2**17  # pairs of values looked at together: more would not stay in the cache


def tail_exponent(values) -> dict:
    """Fit p(x) ~ x^-a for x >= x_min by maximum likelihood, x_min chosen by the smallest Kolmogorov-Smirnov distance.

    a = 1 + n / sum ln(x / x_min) over the n values from x_min on; every value but the largest is tried as x_min.

    Args:
        values: Eigenvalues of W^T W, or any positive values, shape [n]; those not positive are left out.

    Returns:
        `exponent` a, its `standard_error` (a - 1) / sqrt(n_tail) at this x_min, `x_min`, `ks_distance` and `n_tail`.

    Raises:
        InputError: If fewer than `MIN_TAIL` values are positive, or they are all equal, or one is not finite.

    Source: Clauset, Shalizi and Newman 2009, SIAM Review 51, 661.
    """
    return tail_exponent_of([values])[0]


def tail_exponent_of(spectra: list) -> list[dict]:
    """Fit the tails of many spectra at once.

    Args:
        spectra: For each the argument of `tail_exponent`.

    Returns:
        For each what `tail_exponent` gives, to the last bit.

    Raises:
        InputError: If `tail_exponent` would refuse one of them.
    """
    spectra = [_sorted_positive(values) for values in spectra]
    return [found for block in _blocks(spectra) for found in _Tails(block).best()]


def _blocks(spectra: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    n_pairs = np.cumsum([x.size**2 / 2 for x in spectra])
    starts = np.flatnonzero(np.diff(n_pairs // BLOCK, prepend=-1))
    return (spectra[start:end] for start, end in pairwise([*starts.tolist(), len(spectra)]))


class _Tails:
    """All tails of some spectra: one from each value but the largest."""

    def __init__(self, spectra: list[np.ndarray]):
        whole = Segments(map(len, spectra))
        self.log_x = log(np.concatenate(spectra))
        first, last = (whole.spread(places) for places in (whole.bounds[:-1], np.array(whole.bounds[1:]) - 1))
        places = np.arange(self.log_x.size)
        is_new = (places == first) | (np.diff(self.log_x, prepend=0.0) > 0)
        is_start = is_new & (self.log_x < self.log_x[last])
        self.start, self.n = places[is_start], (last - places + 1)[is_start]
        self.of_spectrum = Segments(whole.counts(is_start))
        # The sum of ln(x / x_min) adds each step between neighbours as often as there are values above it.
        steps = np.diff(self.log_x, append=0.0) * (last - places)
        sums = np.concatenate([np.cumsum(part[::-1])[::-1] for part in whole.split(steps)])
        self.exponents = 1 + self.n / sums[self.start]

    def best(self) -> list[dict]:
        """Choose for each spectrum the tail with the smallest distance.

        A distance is a maximum, so that over few values it is too small. A tail whose distance is too large even so
        need not be looked at again.

        Returns:
            For each what `tail_exponent` gives.
        """
        coarse = self._distances(np.arange(self.start.size), COARSE)
        # Those over very few values are small for that reason alone: 1 / n keeps them from setting the bound.
        bounds = self._distances(self._smallest(coarse + 1 / self.n), 1)
        left = np.flatnonzero(coarse <= self.of_spectrum.spread(bounds))
        distances = np.full(coarse.size, np.inf)
        distances[left] = self._distances(left, 1)
        best = self._smallest(distances)
        fields = self.exponents[best], exp(self.log_x[self.start[best]]), distances[best], self.n[best]
        return [_described(*tail) for tail in zip(*(values.tolist() for values in fields), strict=True)]

    def _smallest(self, values: np.ndarray) -> np.ndarray:
        parts = self.of_spectrum.split(values)
        return np.array([start + part.argmin() for start, part in zip(self.of_spectrum.bounds, parts, strict=False)])

    def _distances(self, tails: np.ndarray, step: int) -> np.ndarray:
        # Kolmogorov-Smirnov distance of some tails, over every step-th of their values
        looked_at = Segments(-(-self.n[tails] // step))
        start, n, exponents = (looked_at.spread(values[tails]) for values in (self.start, self.n, self.exponents))
        place = step * (looked_at.ranks().astype(np.intp) - 1)
        rise = self.log_x[start + place] - self.log_x[start]
        below = place / n  # the share of values below each, as in the authors' own program
        return np.maximum.reduceat(np.abs(1 - exp((1 - exponents) * rise) - below), looked_at.bounds[:-1])


def _described(exponent: float, x_min: float, distance: float, n_tail: int) -> dict:
    return {
        "exponent": exponent,
        "standard_error": (exponent - 1) / math.sqrt(n_tail),
        "x_min": x_min,
        "ks_distance": distance,
        "n_tail": n_tail,
    }


def _sorted_positive(values) -> np.ndarray:
    x = np.asarray(values, dtype=np.float64)
    if not np.isfinite(x).all():
        raise InputError("tail exponent: expected finite values, got NaN or infinity")
    x = np.sort(x[x > 0])
    if x.size < MIN_TAIL or x[0] == x[-1]:
        raise InputError(f"tail exponent: expected at least {MIN_TAIL} positive values that differ, got {x.size}")
    return x
