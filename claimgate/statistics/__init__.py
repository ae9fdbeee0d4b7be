"""What seeds say (numpy only): intervals, tests and forecasts.

- `reproducible`: sums, logarithms and exponentials that have the same bits on every machine
- `student_t`: quantiles and tails of the t distribution
- `prediction`: the interval of a mean, and where one more seed is to be expected
- `equivalence`: the interval of a difference, two one-sided tests, and Holm's correction
- `forecast`: predictions made beforehand against what was measured
"""

from claimgate.statistics.equivalence import difference_interval, equivalence_test, holm
from claimgate.statistics.forecast import forecast_correlation, forecast_coverage, forecast_errors, forecast_skill
from claimgate.statistics.prediction import mean_interval, prediction_interval, seeds_p_value

__all__ = [
    "difference_interval",
    "equivalence_test",
    "forecast_correlation",
    "forecast_coverage",
    "forecast_errors",
    "forecast_skill",
    "holm",
    "mean_interval",
    "prediction_interval",
    "seeds_p_value",
]
