"""Quantities of `hvp_validation` and `conv_gap` records computed another way: Python's statistics, polyfit."""

import math
import statistics

import numpy as np


def quantity(name: str, item: dict) -> float:
    if name == "finite_difference_error":
        return _finite_difference_error(item["layers"])
    if name.startswith("r2_"):
        return _r2(name, item)
    if name == "ggn_difference":
        pairs = zip(item["ggn_curvatures"], item["curvatures"], item["is_null"], strict=True)
        return max(abs(g / h - 1) for g, h, null in pairs if not null)
    if name.startswith("chi_"):
        median = statistics.median(_chi(item, "empirical", range(len(item["curvatures"]))))
        return math.log10(median) if name == "chi_log10_median" else median
    return _gap_slope(*name.removeprefix("gap_slope_").rsplit("_", 1), item)


def names(quantities) -> set[str]:
    starts = ("finite_difference_error", "r2_", "ggn_difference", "chi_", "gap_slope_")
    return {name for name in quantities if name.startswith(starts)}


def _finite_difference_error(layers: list[dict]) -> float:
    n_steps = {len(layer["found"]) for layer in layers}
    if len(n_steps) != 1:
        raise ValueError("steps")
    medians = []
    for step in range(n_steps.pop()):
        pairs = [pair for layer in layers for pair in zip(layer["found"][step], layer["exact"], strict=True)]
        medians.append(statistics.median(abs(found / exact - 1) for found, exact in pairs))
    return min(medians)


def _r2(name: str, layer: dict) -> float:
    rows = zip(layer["singular_values"], layer["curvatures"], layer["is_null"], strict=True)
    points = [(sigma, h) for sigma, h, null in list(rows)[name.endswith("without_first") :] if not null]
    sigma, h = (list(values) for values in zip(*points, strict=True))
    if name == "r2_ggn":
        other = [g for g, null in zip(layer["ggn_curvatures"], layer["is_null"], strict=True) if not null]
    else:
        other = [value ** (3 if name == "r2_sigma3" else 2) for value in sigma]
    return statistics.correlation(h, other) ** 2


def _chi(layer: dict, kind: str, indices) -> list[float]:
    h, null, kronecker = layer["curvatures"], layer["is_null"], layer["gap"][kind]["kronecker"]
    if not len(h) == len(null) == len(kronecker):
        raise ValueError("lists")
    return [h[k] / kronecker[k] for k in indices if not null[k] and h[k] > 0 and kronecker[k] > 0]


def _gap_slope(term: str, kind: str, layer: dict) -> float:
    rows = zip(layer["singular_values"], layer["curvatures"], layer["is_null"], strict=True)
    kept = [k for k, (sigma, h, null) in enumerate(rows) if not null and sigma > 0 and h > 0]
    values = _chi(layer, kind, kept) if term == "chi" else [layer["gap"][kind][term][k] for k in kept]
    if len(values) != len(kept) or min(values) <= 0 or len(layer["singular_values"]) != len(layer["gap"][kind][term]):
        raise ValueError("values")
    return float(np.polyfit(np.log([layer["singular_values"][k] for k in kept]), np.log(values), 1)[0])
