"""What a claim's truth is, computed another way: numpy's polynomial fits, scipy's t distribution, Python's statistics.

Nothing here is shared with `layercurv.claims` but the library that parses JMESPath.
"""

import itertools
import math
import statistics
from fractions import Fraction

import jmespath
import numpy as np
from scipy import stats

from tests.reference import kronecker, noise, profile, tails, validation

TIMES = {"%": 100, "points": 100, "percent": 1, "": 1}


def claim_is_true(claim, documents: list, others: list) -> bool:
    """Say whether a claim holds; what cannot be evaluated does not."""
    try:
        per_record = [_values(claim.select, claim.quantity, document) for document in documents]
        if claim.within is not None:
            per_record = [[reduce(values, claim.within)] for values in per_record]
        found = [value for values in per_record for value in values]
        if claim.draws is not None:
            return _holds(claim, _forecast(claim, documents, others, found) * TIMES[claim.unit])
        if claim.reference:
            rest = [reduce(_values(claim.select, claim.quantity, document), claim.within) for document in others]
            if claim.reduce.startswith("paired_difference_"):
                _check_pairs(claim, documents, others)
            return _holds(claim, _compared(claim, found, rest))
        value = reduce(found, claim.reduce)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, np.linalg.LinAlgError):
        return False
    return _holds(claim, value * TIMES[claim.unit])


def _forecast(claim, documents: list, others: list, found: list[float]) -> float:
    _check_pairs(claim, documents, others)
    draws = [draw for predicted in others for draw in jmespath.search(claim.draws, predicted)]
    means = [reduce(values, "mean") for values in draws]
    errors = [mean - value for mean, value in zip(means, found, strict=True)]
    reduce(found, "count")
    if claim.reduce == "forecast_bias":
        return statistics.fmean(errors)
    if claim.reduce == "forecast_rmse":
        return math.sqrt(statistics.fmean(e * e for e in errors))
    if claim.reduce == "forecast_correlation":
        return statistics.correlation(means, found)
    if claim.reduce == "forecast_skill":
        return 1 - statistics.fmean(e * e for e in errors) / statistics.pvariance(found)
    held = [np.quantile(d, 0.025) <= v <= np.quantile(d, 0.975) for d, v in zip(draws, found, strict=True)]
    return float(sum(held)) / len(held)


def _check_pairs(claim, documents: list, others: list) -> None:
    for one, other in zip(documents, others, strict=True):
        if jmespath.search(claim.paired_on, one) != jmespath.search(claim.paired_on, other):
            raise ValueError("not a pair")


def _compared(claim, first: list[float], second: list[float]) -> float:
    percent = TIMES[claim.unit]
    if claim.reduce == "mean_difference":
        return (statistics.fmean(first) - statistics.fmean(second)) * percent
    if claim.reduce.endswith(("_low", "_high")):
        how, _, end = claim.reduce.rpartition("_")
        paired = how == "paired_difference"
        test = stats.ttest_rel(first, second) if paired else stats.ttest_ind(first, second, equal_var=False)
        return float(getattr(test.confidence_interval(0.95), end)) * percent
    margin = float(claim.margin) / percent
    tests = ((margin, "greater"), (-margin, "less"))
    return max(
        float(stats.ttest_ind([x + shift for x in first], second, equal_var=False, alternative=side).pvalue)
        for shift, side in tests
    )


def replication_verdict(row, documents: list) -> str | None:
    """Say what a row's replication comes to; None if it cannot be evaluated."""
    plan = row.replication
    try:
        values = [reduce(_values(plan.select, plan.quantity, document), plan.reduce) for document in documents]
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, np.linalg.LinAlgError):
        return None
    values = [value * (100 if row.unit == "%" else 1) for value in values]
    n = len(values)
    if n < 3:
        return None
    units = [10.0 ** _exponent(text) / 2 for text in row.stated]
    stated = [float(text) for text in row.stated]
    if row.check == "equals":
        half = stats.t.ppf(0.975, n - 1) * statistics.stdev(values) * math.sqrt(1 + 1 / n)
        mean = statistics.fmean(values)
        met = len(stated) == 1 and mean - half <= stated[0] + units[0] and stated[0] - units[0] <= mean + half
    elif row.check == "inside":
        met = all(stated[0] - units[0] <= value <= stated[1] + units[1] for value in values)
    else:
        met = all(value <= stated[0] if row.check == "below" else value >= stated[0] for value in values)
    return "replicated" if met else "not_replicated"


def reduce(values: list, how: str) -> float:
    if not values or any(isinstance(v, bool) or not isinstance(v, int | float) or not math.isfinite(v) for v in values):
        raise ValueError("no numbers")
    if how == "same" and len(set(values)) > 1:
        raise ValueError("they differ")
    named = {"count": len, "sum": math.fsum, "mean": statistics.fmean, "median": statistics.median, "min": min}
    named["percentile_5"] = lambda v: np.quantile(v, 0.05)
    named["percentile_95"] = lambda v: np.quantile(v, 0.95)
    named["root_mean_square"] = lambda v: math.sqrt(math.fsum(x * x for x in v) / len(v))
    return float((named | {"max": max, "std": statistics.stdev, "same": lambda v: v[0]})[how](values))


def _holds(claim, value: float) -> bool:
    stated, unit, x = Fraction(claim.stated), Fraction(10) ** _exponent(claim.stated), Fraction(repr(value))
    if claim.check == "equals":
        width = {"exact": Fraction(0), "printed": unit / 2}.get(claim.tolerance)
        return abs(x - stated) <= (Fraction(claim.tolerance) if width is None else width)
    if claim.check == "rounded_up":
        return stated - unit <= x <= stated
    if claim.check == "rounded_down":
        return stated <= x <= stated + unit
    return x <= stated if claim.check == "below" else x >= stated


def _exponent(text: str) -> int:
    mantissa, _, power = text.lower().partition("e")
    return int(power or 0) - len(mantissa.partition(".")[2])


def _values(select: str, name: str | None, document) -> list:
    found = jmespath.search(select, document)
    if found is None or found == []:
        raise ValueError("nothing")
    items = found if isinstance(found, list) else [found]
    return items if name is None else [quantity(name, item) for item in items]


def _kept(layer: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sigma, h = np.array(layer["singular_values"], dtype=float), np.array(layer["curvatures"], dtype=float)
    null = np.array(layer["is_null"], dtype=bool)
    if not (sigma.shape == h.shape == null.shape and np.isfinite(sigma).all() and np.isfinite(h).all()):
        raise ValueError("lists")
    return sigma, h, ~null & (sigma > 0) & (h > 0)


def _line(x, y) -> tuple[float, np.ndarray]:
    x, y = np.log(x), np.log(y)
    if x.size < 3 or np.ptp(x) == 0:
        raise ValueError("too few points")
    slope, intercept = np.polyfit(x, y, 1)
    return slope, y - slope * x - intercept


def _participation(values: list[float]) -> float:
    return math.fsum(values) ** 2 / math.fsum(v * v for v in values)


def _fits(layer: dict) -> dict:
    sigma, h, keep = _kept(layer)
    k = np.arange(1, sigma.size + 1)[keep]
    alpha, residuals = _line(sigma[keep], h[keep])
    gamma, _ = _line(k, sigma[keep])
    s, _ = _line(np.arange(1, k.size + 1), np.sort(h[keep])[::-1])
    s_unsorted, _ = _line(k, h[keep])
    largest_first = sorted(h[keep].tolist(), reverse=True)
    power_law = [float(j) ** (alpha * gamma) for j in range(1, k.size + 1)]
    r2 = {name: np.corrcoef(np.log(a), np.log(b))[0, 1] ** 2 for name, a, b in (
        ("gamma", k, sigma[keep]), ("alpha", sigma[keep], h[keep]), ("s", k, h[keep]))}  # fmt: skip
    x = np.log(sigma[keep])
    spread = math.sqrt(((x - x.mean()) ** 2).sum())
    rss = float((residuals**2).sum())
    y = np.log(h[keep])
    error = math.sqrt(rss / (k.size - 2)) / spread
    return {
        "alpha": alpha, "gamma": -gamma, "s": -s, "alpha_standard_error": error,
        "alpha_r2": 1 - rss / float(((y - y.mean()) ** 2).sum()),
        "alpha_residual_sd": math.sqrt(rss / (k.size - 2)),
        "alpha_interval_holds_2": float(abs(alpha - 2) <= stats.t.ppf(0.975, k.size - 2) * error),
        "transfer_relative_error": abs(-alpha * gamma + s) / abs(s),
        "s_unsorted": -s_unsorted,
        "transfer_unsorted_relative_error": abs(alpha * gamma - s_unsorted) / abs(s_unsorted),
        "transfer_bound": math.sqrt(max(0.0, (1 - r2["gamma"]) * (1 - r2["alpha"])) / r2["s"]),
        "participation": _participation(largest_first),
        "participation_without_largest": _participation(largest_first[1:]),
        "participation_over_power_law": _participation(largest_first) / _participation(power_law),
        "largest_curvature_share": largest_first[0] / math.fsum(largest_first),
        "n_valid": float(k.size), "n_null": float(sum(map(bool, layer["is_null"]))),
        "n_negative": float(sum(v <= 0 and not null for v, null in zip(h, layer["is_null"], strict=True))),
    }  # fmt: skip


def _slopes(layer: dict, kind: str) -> dict:
    sigma, h, keep = _kept(layer)
    d, A = layer["kronecker"][kind], layer["kronecker"]["A"]
    lists = [np.array(f[key], dtype=float) for f in (d, A) for key in ("eigenvalues", "rayleigh")]
    lambda_d, rayleigh_d, lambda_A, rayleigh_A = (values[: sigma.size] for values in lists)
    chi = h / (layer["n_positions"] * rayleigh_d * rayleigh_A)
    terms = {
        "lambda_d": lambda_d, "lambda_A": lambda_A, "rho_d": rayleigh_d / lambda_d, "rho_A": rayleigh_A / lambda_A,
        "chi": chi,
    }  # fmt: skip
    if not all((values[keep] > 0).all() for values in terms.values()):
        raise ValueError("a term is not positive")
    return {name: _line(sigma[keep], values[keep])[0] for name, values in terms.items()}


def _spectrum_quantity(name: str, record: dict) -> float:
    config = record["provenance"]["config"]
    depth, threshold, d_in, d_out = (config[key] for key in ("depth", "null_threshold", "d_in", "d_out"))
    top = sorted(record["measurements"]["snapshots"][-1]["eigenvalues"], reverse=True)
    r = len(config["teacher"]["singular_values"])
    if name == "closed_form_difference":
        s = [x if x > 1e-12 else 0.0 for x in record["measurements"]["product_singular_values"]]
        a, b = ([*s, *[0.0] * (d - len(s))] for d in (d_out, d_in))
        powers = [(2 * i / depth, 2 * (depth - 1 - i) / depth) for i in range(depth)]
        sums = [sum(x**p * y**q for p, q in powers) for x in a for y in b]
        form = sorted(sums, reverse=True) + [0.0] * (len(top) - d_in * d_out)
        return max(abs(x - y) for x, y in zip(top, form, strict=True)) / form[0]
    dominant, bulk = top[: r * r], top[r * r : r * (d_in + d_out - r)]
    ratio = statistics.fmean(dominant) / statistics.fmean(bulk)
    if name.startswith("cluster_ratio"):
        return ratio - depth if name.endswith("depth") else ratio
    logs = [math.log(x) for x in top if x > threshold * abs(top[0])]
    steps = [x - y for x, y in itertools.pairwise(logs)]
    first, second = sorted(steps, reverse=True)[:2]
    if math.exp(first) <= 1 + threshold:
        raise ValueError("one cluster")
    n = steps.index(first) + 1
    counts = {"n_dominant_found": float(n), "n_bulk_found": float(len(logs) - n)}
    return (counts | {"gap_margin": math.exp(first - second)})[name]


def quantity(name: str, layer: dict) -> float:
    for family in (noise, validation, profile, kronecker, tails):
        if family.names([name]):
            return family.quantity(name, layer)
    if name == "processor_s_to_60_percent":
        return _processor_s(layer, 0.6)
    if name.startswith(("held_out_", "half_difference_")):
        return _halves_quantity(name, _fits(layer["a"]), _fits(layer["b"]))
    if name == "half_share_left":
        return _share_left(layer["a"], layer["crossed"]["slopes"])
    if "snapshots" in layer.get("measurements", {}):
        return _spectrum_quantity(name, layer)
    fits = _fits(layer)
    if name in fits:
        return float(fits[name])
    if name == "alpha_without_first":
        rest = {key: layer[key][1:] for key in ("singular_values", "curvatures", "is_null")}
        return float(_fits(rest)["alpha"])
    if name == "alpha_bootstrap_standard_error":
        return layer["alpha_bootstrap"]["standard_error"]
    if name == "engine_difference":
        check = layer["engine_check"]
        return max(abs(a - b) / abs(b) for a, b in zip(check["found"], check["double_backward"], strict=True))
    if name in ("largest_relative_error", "median_relative_error"):
        _, h, keep = _kept(layer)
        errors = np.array(layer["curvature_standard_errors"], dtype=float)
        if errors.shape != h.shape:
            raise ValueError("lists")
        ratios = (errors[keep] / h[keep]).tolist()
        return max(ratios) if name.startswith("largest") else statistics.median(ratios)
    return _slope_quantity(name, layer, fits)


def _processor_s(record: dict, accuracy: float) -> float:
    epochs = zip(record["measurements"]["training"]["history"], record["provenance"]["epoch_processor_s"], strict=True)
    return min(seconds for epoch, seconds in epochs if epoch["test_accuracy"] >= accuracy)


def _share_left(first: dict, slopes: list[float]) -> float:
    triples = zip(first["singular_values"], slopes, first["is_null"], strict=True)
    return statistics.median(slope / sigma for sigma, slope, null in triples if not null)


def _halves_quantity(name: str, a: dict, b: dict) -> float:
    found, expected = {
        "held_out_sorted": (a["alpha"] * a["gamma"], b["s"]),
        "held_out_unsorted": (a["alpha"] * a["gamma"], b["s_unsorted"]),
        "half_difference_s": (a["s"], b["s"]),
        "half_difference_s_unsorted": (a["s_unsorted"], b["s_unsorted"]),
    }[name]
    return abs(found - expected) / abs(expected)


def _slope_quantity(name: str, layer: dict, fits: dict) -> float:
    if name == "stored_fit_difference":
        stored = layer["fits"]
        pairs = [(fits[key], stored[key]["slope"]) for key in ("alpha", "gamma", "s")]
        pairs += [(fits[key], stored[key]) for key in ("transfer_relative_error", "n_valid", "n_null", "n_negative")]
        pairs += [(fits["alpha_r2"], stored["alpha"]["r2"])]
        return max(abs(a - b) for a, b in pairs)
    kinds = {kind: _slopes(layer, kind) for kind in ("empirical", "ggn")}
    if name == "slope_spectra":
        return kinds["ggn"]["lambda_d"] + kinds["ggn"]["lambda_A"]
    if name == "slope_sum_residual":
        return max(abs(sum(slopes.values()) - fits["alpha"]) for slopes in kinds.values())
    if name == "slope_chi_kind_difference":
        return abs(kinds["empirical"]["chi"] - kinds["ggn"]["chi"])
    if name == "stored_slope_difference":
        stored = layer["alpha_slopes"]
        return max(abs(kinds[kind][term] - stored[kind][term]) for kind in kinds for term in kinds[kind])
    if name.startswith("slope_"):
        term, _, kind = name.removeprefix("slope_").rpartition("_")
        return kinds[kind][term]
    raise ValueError(f"no reference for {name}")
