"""The logarithmic axis with the same bits on every machine: numpy's log10, which matplotlib takes, has not."""

import numpy as np
from matplotlib.scale import InvertedLogTransform, LogScale, LogTransform

from claimgate.statistics.reproducible import exp, log

LN_10 = float(log(10.0))
FAR_BELOW = -1000.0  # where matplotlib puts what is not positive


class _Logarithm(LogTransform):
    def transform_non_affine(self, values):
        values = np.asarray(values, dtype=np.float64)
        is_low = values <= 0
        return np.where(is_low, FAR_BELOW, log(np.where(is_low, 1.0, values)) / LN_10)

    def inverted(self):
        return _Power(self.base)


class _Power(InvertedLogTransform):
    def transform_non_affine(self, values):
        return exp(np.asarray(values) * LN_10)

    def inverted(self):
        return _Logarithm(self.base)


class ReproducibleLogScale(LogScale):
    """matplotlib's scale "log", of base 10 and clipping what is not positive, with another logarithm beneath."""

    def __init__(self, *arguments, **options):
        """Take what matplotlib hands to a scale.

        Args:
            *arguments: The axis; from version 3.11 on there is none.
            **options: `subs`, as in matplotlib.
        """
        super().__init__(*arguments, **options)
        self._transform = _Logarithm(self.base)
