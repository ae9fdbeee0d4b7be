"""Vectors of different lengths laid end to end, so that many small fits are one fit of long arrays."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np


class Segments:
    """Where each of several vectors lies in their concatenation; sums run over each alone."""

    def __init__(self, lengths: Iterable[int]):
        """Lay vectors of these lengths end to end.

        Args:
            lengths: Shape [s], each at least 1.
        """
        self.lengths = np.fromiter(lengths, dtype=np.intp)
        self.bounds = [0, *np.cumsum(self.lengths).tolist()]
        self._room = np.ldexp(1.0, np.frexp(self.lengths + 2.0)[1])  # per vector: a power of two above its length
        self._finer = self.spread(self._room * 2.0**-53)

    def __len__(self) -> int:
        """Count the vectors.

        Returns:
            How many there are.
        """
        return self.lengths.size

    def counts(self, mask: np.ndarray) -> np.ndarray:
        """Count the true elements of each vector.

        Args:
            mask: Boolean, shape [N].

        Returns:
            Shape [s], integers.
        """
        return np.diff(np.concatenate([[0], np.cumsum(mask)])[self.bounds])

    def split(self, x: np.ndarray) -> list[np.ndarray]:
        """Cut into vectors again.

        Args:
            x: Shape [N].

        Returns:
            Views of x, shape [s][n].
        """
        return [x[start:end] for start, end in pairwise(self.bounds)]

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Repeat one value per vector for each of its elements.

        Args:
            values: Shape [s].

        Returns:
            Shape [N].
        """
        return np.repeat(values, self.lengths)

    def ranks(self) -> np.ndarray:
        """Count the elements of each vector.

        Returns:
            1, 2, ... along each, shape [N], float64.
        """
        return np.arange(1.0, self.bounds[-1] + 1) - self.spread(self.bounds[:-1])

    def totals(self, x: np.ndarray) -> np.ndarray:
        """Sum over each vector, to the same bits in whatever order a machine adds.

        From each element the part above a unit is split off, a power of two so large that the sum of these parts is
        exact; then the same of what is left. What is left after that is below 1e-25 of the largest element times its
        number and is dropped.

        Args:
            x: Finite values, shape [N].

        Returns:
            Shape [s].

        Source: Rump, Ogita and Oishi (2008), Accurate floating-point summation part I, algorithm 3.2.
        """
        starts = self.bounds[:-1]
        largest = np.maximum.reduceat(np.abs(x), starts)
        unit = self.spread(self._room * np.ldexp(1.0, np.frexp(largest)[1]))
        high = (unit + x) - unit
        low, unit = x - high, unit * self._finer
        return np.add.reduceat(high, starts) + np.add.reduceat((unit + low) - unit, starts)

    def inner(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Take inner products: elements multiplied and rounded one by one, then summed as in `totals`.

        Args:
            x: Finite values, shape [N].
            y: Finite values, shape [N].

        Returns:
            Shape [s].
        """
        return self.totals(x * y)

    def deviations(self, x: np.ndarray) -> np.ndarray:
        """Subtract from each vector its mean.

        Args:
            x: Finite values, shape [N].

        Returns:
            Shape [N].
        """
        return x - self.spread(self.totals(x) / self.lengths)
