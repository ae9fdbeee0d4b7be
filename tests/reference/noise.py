"""Quantities of `sampling_noise` and `noise_prediction` records computed another way: Python's statistics, polyfit."""

import math
import statistics

import numpy as np

_ATTENTION, _UP, _DOWN, _HEAD = 1.43, 0.84, 1.15, (0.90 + 2.83 + 4.53) / 3
PUBLISHED = {  # by the end of a layer's name
    **dict.fromkeys(("q_proj", "k_proj", "v_proj", "query", "key", "value", "attn.c_attn"), _ATTENTION),
    **dict.fromkeys(("o_proj", "attention.output.dense", "attn.c_proj"), 1.17),
    **dict.fromkeys(("gate_proj", "up_proj", "fc1", "c_fc"), _UP),
    **dict.fromkeys(("down", "down_proj", "fc2", "mlp.c_proj"), _DOWN),
    **dict.fromkeys(("fc", "lm_head", "classifier"), _HEAD),
}
OF_KIND = {"conv": (1.97 + 2.17 + 1.94 + 2.10) / 4, "linear": 2.18}  # of all others
_NAMES = ("ggn_share", "mean_of_draws", "crossover_batch", "stored_noise_difference")
_STARTS = (
    "sampled_",
    "two_minus_",
    "published_minus_",
    "drawn_labels_",
    "unselected_",
    "survival_",
    "median_noise",
    "median_signal",
    "median_moment",
)


def names(quantities) -> set[str]:
    return {name for name in quantities if name in _NAMES or name.startswith(_STARTS)}


def quantity(name: str, item: dict) -> float:
    if name == "mean_of_draws":
        return statistics.fmean(item["alphas"])
    if name == "median_noise_level":
        return statistics.median(_noise_level(layer, item["measurements"]) for layer in item["measurements"]["layers"])
    if name == "median_signal_ratio":
        return statistics.median(_signal_ratio(layer, item["measurements"]) for layer in item["measurements"]["layers"])
    if name == "median_moment_share":
        return statistics.median(_moment_share(layer, item["measurements"]) for layer in item["measurements"]["layers"])
    if name == "crossover_batch":
        return statistics.median(_crossover(layer, item["measurements"]) for layer in item["measurements"]["layers"])
    if name == "ggn_share":
        rows = zip(item["true"]["ggn_curvatures"], item["curvatures"], item["true"]["is_null"], strict=True)
        return statistics.median(g / h for g, h, null in rows if not null)
    if name.startswith("survival_"):
        return _survival(item["true"], name.removeprefix("survival_"))
    if name.startswith("unselected_"):
        return _unselected(item, name.rpartition("_")[2])["r2" if "_r2_" in name else "slope"]
    if name == "stored_noise_difference":
        return _stored_difference(item)
    if name == "sampled_identity_residual":
        found = [_terms(item, labels) for labels in ("true", "model")]
        return max(abs(t["alpha"] - 2 - t["information"] + t["selection"]) for t in found)
    terms = _terms(item, "model" if name.startswith("drawn_labels_") else "true")
    if name == "two_minus_sampled_alpha":
        return 2 - terms["alpha"]
    if name == "published_minus_sampled_alpha":
        return -quantity("sampled_alpha_minus_published", item)
    if name == "sampled_alpha_minus_2":
        return terms["alpha"] - 2
    if name == "sampled_alpha_minus_published":
        return terms["alpha"] - _published(item)
    return terms[name.rpartition("_")[2]]


def _published(layer: dict) -> float:
    ends = (value for end, value in PUBLISHED.items() if f".{layer['name']}".endswith(f".{end}"))
    return OF_KIND["conv"] if layer["kind"] == "conv" else next(ends, OF_KIND["linear"])


def _survival(found: dict, step: str) -> float:
    weight = {
        "gradient": lambda s: s,
        "spectral_newton": lambda s: s / (s * s + 0.1),
        "orthogonal": lambda s: 1.0,
        "undamped": lambda s: 1 / s,
    }[step]
    rows = zip(found["singular_values"], found["fresh_means"], found["is_null"], strict=True)
    kept = [(weight(s), s, mean) for s, mean, null in rows if not null]
    return math.fsum(w * mean for w, _, mean in kept) / math.fsum(w * s for w, s, _ in kept)


def _slope(x, y) -> float:
    if len(x) < 3:
        raise ValueError("too few points")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _terms(layer: dict, labels: str) -> dict:
    part = layer[labels]
    h = part["ggn_curvatures"]
    if labels == "true" and layer["curvatures"] is not None:
        h = layer["curvatures"]
    rows = zip(part["singular_values"], h, part["second_moments"], part["is_null"], strict=True)
    rows = [(s, x, m) for s, x, m, null in rows if not null and s > 0 and x > 0 and m > 0]
    sigma = [s for s, _, _ in rows]
    return {
        "alpha": _slope(sigma, [x for _, x, _ in rows]),
        "information": _slope(sigma, [x / m for _, x, m in rows]),
        "selection": _slope(sigma, [s * s / m for s, _, m in rows]),
        "n": len(rows),
    }


def _unselected(layer: dict, labels: str) -> dict:
    part = layer[labels]
    rows = zip(part["fresh_ggn_curvatures"], part["fresh_second_moments"], part["is_null"], strict=True)
    rows = [(h, m) for h, m, null in rows if not null and h > 0 and m > 0]
    h, m = (list(values) for values in zip(*rows, strict=True))
    correlation = statistics.correlation([math.log(v) for v in m], [math.log(v) for v in h])
    return {"slope": 2 * _slope(m, h), "r2": correlation**2}


def _noise_level(layer: dict, found: dict) -> float:
    part, n = layer["true"], found["n_samples"] * found["labels_per_sample"]
    rows = zip(part["fresh_means"], part["fresh_ggn_curvatures"], part["is_null"], strict=True)
    return statistics.fmean(n * mean * mean / h for mean, h, null in rows if not null)


def _signal_ratio(layer: dict, found: dict) -> float:
    part = layer["true"]
    rows = zip(part["fresh_means"], part["fresh_second_moments"], part["is_null"], strict=True)
    return statistics.fmean(found["n_samples"] * mean * mean / m for mean, m, null in rows if not null)


def _moment_share(layer: dict, found: dict) -> float:
    part = layer["true"]
    rows = zip(part["fresh_second_moments"], part["fresh_ggn_curvatures"], part["is_null"], strict=True)
    return statistics.median(found["labels_per_sample"] * m / h for m, h, null in rows if not null)


def _crossover(layer: dict, found: dict) -> float:
    noise = found["n_samples"] * layer["noise_mean_squared_norm"]
    signal = layer["pool_squared_norm"] - noise / found["n_pool"]
    return noise / signal if signal > 0 else math.inf


def _stored_difference(layer: dict) -> float:
    differences = []
    for labels in ("true", "model"):
        stored, terms = layer["fits"][labels], _terms(layer, labels)
        differences += [abs(terms[key] - stored["terms"][key]) for key in terms]
        differences.append(abs(_unselected(layer, labels)["slope"] - stored["unselected"]["slope"]))
    return max(differences)
