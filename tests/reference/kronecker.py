"""Quantities of `kronecker_spectrum` and of alpha against a miss, another way: Python's statistics, scipy's."""

import itertools
import math
import statistics

import numpy as np
from scipy import stats

from tests.reference.profile import orders


def names(quantities) -> set[str]:
    return {name for name in quantities if name.startswith(("noise_", "foreign_noise_", "alpha_gap_"))}


def quantity(name: str, item: dict) -> float:
    if name.startswith("alpha_gap_"):
        return _alpha_gap(name.removeprefix("alpha_gap_"), item["layers"])
    if name.startswith("foreign_noise_"):
        return _foreign(name.removeprefix("foreign_noise_"), item["layers"])
    measured, predicted = _logarithms(item, item)
    if name == "noise_first_ratio":
        return math.exp(measured[0] - predicted[0])
    return _miss(name.removeprefix("noise_"), measured, predicted)


def _logarithms(measured: dict, predicted: dict) -> tuple[list[float], list[float]]:
    mean_log = predicted["kinds"]["empirical"]["noise"]["mean_log"]
    kept = measured["gradient_singular_values"][: len(mean_log)]
    return [math.log(sigma) for sigma in kept], list(mean_log)


def _miss(name: str, measured: list[float], predicted: list[float]) -> float:
    ratios = [x - y for x, y in zip(measured, predicted, strict=True)]
    if name == "mismatch":
        return math.sqrt(statistics.fmean(ratio**2 for ratio in ratios))
    if name == "shape_mismatch":
        return statistics.pstdev(ratios)
    return statistics.correlation(measured, predicted)


def _foreign(name: str, layers: list[dict]) -> float:
    found = []
    for one, other in itertools.permutations(layers, 2):
        sizes = [(len(kept), len(predicted)) for kept, predicted in (_logarithms(one, one), _logarithms(other, other))]
        if sizes[0] == sizes[1]:
            found.append(_miss(name, *_logarithms(one, other)))
    return statistics.median(found)


def _alpha_gap(name: str, layers: list[dict]) -> float:
    name, _, field = name.rpartition("_")
    gaps = [abs(_alpha(layer) - 2) for layer in layers]
    misses = [_missed(name.removesuffix("_given_depth"), layer) for layer in layers]
    if name.endswith("_given_depth"):
        gaps, misses = _residuals(gaps), _residuals(misses)
    r = stats.pearsonr(gaps, misses).statistic
    return float(r) if field == "r" else permuted_p(gaps, misses, r)


def permuted_p(x, y, r: float) -> float:
    """The share of the 10 000 orders of y that correlate with x at least as much, the observed one counted too."""
    drawn = np.abs(stats.zscore(y)[np.array(orders(len(x)))] @ stats.zscore(x)) / len(x)
    return (1 + sum(found >= abs(r) * (1 - 1e-9) for found in drawn.tolist())) / (1 + drawn.size)


def _alpha(layer: dict) -> float:
    rows = zip(layer["singular_values"], layer["curvatures"], layer["is_null"], strict=True)
    points = [(math.log(s), math.log(h)) for s, h, null in rows if not null and s > 0 and h > 0]
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def _missed(name: str, layer: dict) -> float:
    if name.startswith("slack_"):
        concentration = layer["gap"][name.removeprefix("slack_")]["concentration"]
        kept = [c for c, null in zip(concentration, layer["is_null"], strict=True) if not null]
        return abs(statistics.median(kept) - 1)
    if name == "decorrelation":
        return 1 - _miss("correlation", *_logarithms(layer, layer))
    return _miss({"shape": "shape_mismatch"}.get(name, name), *_logarithms(layer, layer))


def _residuals(values: list[float]) -> list[float]:
    depth = range(len(values))
    line = statistics.linear_regression(depth, values)
    return [value - line.slope * k - line.intercept for k, value in zip(depth, values, strict=True)]
