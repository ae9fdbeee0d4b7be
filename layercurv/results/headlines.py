"""The few numbers a record is remembered by, recomputed from its measurements."""

import re
from collections import defaultdict
from collections.abc import Callable
from statistics import fmean, median

# What a layer does, by its name (block.3 and block.5 are ConvNeXt's); the first pattern that fits counts.
ROLES = {
    "attention_qkv": r"\.(query|key|value|c_attn|q_proj|k_proj|v_proj)$",
    "attention_projection": r"(attention\.output\.dense|attn\.c_proj|o_proj)$",
    "mlp_gate": r"gate_proj$",
    "mlp_up": r"(intermediate\.dense|mlp\.c_fc|mlp\.fc1|up_proj|block\.3)$",
    "mlp_down": r"(output\.dense|mlp\.c_proj|mlp\.fc2|down_proj|block\.5)$",
    "head": r"(^|\.)(fc|classifier|lm_head|score|head)(\.\d+)?$",
}


def headlines(record: dict) -> dict[str, float]:
    """Recompute a record's headlines.

    Args:
        record: The parsed record.

    Returns:
        Name to value; empty for an experiment without headlines.
    """
    return HEADLINES[record["experiment"]](record["measurements"])


def role(layer: dict) -> str:
    """Say what a layer does.

    Args:
        layer: A layer entry.

    Returns:
        A key of `ROLES`, or the layer's kind ("conv", "linear").
    """
    found = (name for name, pattern in ROLES.items() if re.search(pattern, layer["name"]))
    return next(found, layer["kind"])


def _by_role(layers: list[dict]) -> dict[str, float]:
    alphas = defaultdict(list)
    for layer in layers:
        if layer["fits"]:
            alphas[role(layer)].append(layer["fits"]["alpha"]["slope"])
    return {f"alpha_{name}": fmean(values) for name, values in alphas.items()}


def _alpha_map(found: dict) -> dict[str, float]:
    return _by_role(found["layers"]) | {"test_accuracy": found["training"]["test_accuracy"]}


def _alpha_triangle(found: dict) -> dict[str, float]:
    transfers = [layer["transfer"] for layer in found["layers"]]
    return {
        "median_error": _median(t["errors"] and t["errors"]["sorted"] for t in transfers),
        "median_bound": _median(t["errors"] and t["errors"]["bound"] for t in transfers),
        "median_held_out_error": _median(t["held_out"] and t["held_out"]["sorted"] for t in transfers),
        "median_null_error": _median(t["residual_null"] and t["residual_null"]["sorted"]["median"] for t in transfers),
        "median_random_alpha_error": _median(
            t["alpha_null"] and t["alpha_null"]["sorted"]["median"] for t in transfers
        ),
    }


def _median(values) -> float:
    return median([value for value in values if value is not None])


def _hvp_validation(found: dict) -> dict[str, float]:
    result = {}
    for key in ("exact_sigma2", "ggn_sigma2", "exact_ggn"):
        values = [layer["r2"][key] for layer in found["layers"] if layer["r2"][key] is not None]
        result[f"r2_{key}"] = median(values)
    worst = [e for layer in found["layers"] for e in layer["finite_differences"]["estimates"] if e["step"] <= 1e-4]
    for dtype, form in sorted({(e["dtype"], e["form"]) for e in worst}):
        h = [value for e in worst if (e["dtype"], e["form"]) == (dtype, form) for value in e["curvatures"]]
        result[f"negative_{form}_{dtype}_small_steps"] = fmean(value < 0 for value in h)
    return result


def _participation_ratio(found: dict) -> dict[str, float]:
    result = {}
    for key in ("curvature", "gradient"):
        values = [layer["participation"][key] for layer in found["layers"] if layer["participation"][key] is not None]
        result |= {f"{key}_min": min(values), f"{key}_max": max(values), f"{key}_median": median(values)}
    return result


def _conv_gap(found: dict) -> dict[str, float]:
    gaps = [layer["gap"]["empirical"] for layer in found["layers"] if layer["kind"] == "conv"]
    slopes = [gap["slopes"]["chi"]["slope"] for gap in gaps if gap["slopes"]["chi"]]
    return {
        "median_concentration": median([value for gap in gaps for value in gap["concentration"]]),
        "median_sud": median([value for gap in gaps for value in gap["sud"]]),
        "mean_chi_slope": fmean(slopes),
    }


def _training_dynamics(found: dict) -> dict[str, float]:
    result = {}
    for entry in (found["epochs"][0], found["epochs"][-1]):
        result[f"alpha_conv_epoch{entry['epoch']}"] = _by_role(entry["layers"])["alpha_conv"]
    return result


def _full_spectrum(found: dict) -> dict[str, float]:
    result = {}
    for number in range(4):
        quarters = [layer["quartiles"][number] for layer in found["layers"] if layer["quartiles"]]
        result[f"alpha_quartile{number + 1}"] = median([quarter["slope"] for quarter in quarters if quarter])
    return result


def _rank_profile(found: dict) -> dict[str, float]:
    largest = max(profile["n_samples"] for profile in found["profiles"])
    profiles = [profile for profile in found["profiles"] if profile["n_samples"] == largest]
    result = {}
    for profile in (profiles[0], profiles[-1]):
        winners = [layer["bic"]["winner"] for layer in profile["layers"] if layer["bic"]]
        for law in ("power_law", "exponential", "log_normal"):
            result[f"{law}_share_epoch{profile['epoch']}"] = winners.count(law) / len(winners)
    return result


def _kronecker_spectrum(found: dict) -> dict[str, float]:
    kinds = [layer["kinds"]["empirical"] for layer in found["layers"]]
    correlations = [kind["correlation"]["pearson"]["r"] for kind in kinds if kind["correlation"]]
    agreement = found["agreement"]["empirical"]
    return {
        "median_correlation": median(correlations),
        "law_agreement": agreement["share"],
        "law_agreement_by_chance": agreement["expected_share"],
        "planted_law_found": found["synthetic"]["share"],
    }


def _noise_prediction(found: dict) -> dict[str, float]:
    result = {}
    for kind in ("sign_flips", "separable_gaussian", "signal_plus_noise"):
        result[f"median_alpha_{kind}"] = _median(la[kind] and fmean(la[kind]["alphas"]) for la in found["layers"])
    return result


def _sampling_noise(found: dict) -> dict[str, float]:
    result = {}
    for kind in ("true", "model"):
        fits = [layer["fits"][kind] for layer in found["layers"]]
        for term in ("alpha", "information", "selection"):
            result[f"median_{term}_{kind}"] = _median(fit["terms"] and fit["terms"][term] for fit in fits)
        result[f"median_unselected_exponent_{kind}"] = _median(
            f["unselected"] and f["unselected"]["slope"] for f in fits
        )
    return result


def _weight_tail(found: dict) -> dict[str, float]:
    pairs = [(la["tail"]["exponent"], la["fits"]["s"]["slope"]) for la in found["layers"] if la["tail"] and la["fits"]]
    return {
        "median_tail_exponent": median([tail for tail, _ in pairs]),
        "median_s": median([s for _, s in pairs]),
        "share_tail_below_s": fmean([tail < s for tail, s in pairs]),
    }


def _spectral_newton(found: dict) -> dict[str, float]:
    last = found["cosines"][-1]["layers"]
    cosines = {f"median_cosine_{key}": median([la["cosine"][key] for la in last]) for key in last[0]["cosine"]}
    return {"test_accuracy": found["training"]["test_accuracy"]} | cosines


def _scalar_preconditioner(found: dict) -> dict[str, float]:
    return {"test_accuracy": found["training"]["test_accuracy"]}


def _depth_bifurcation(found: dict) -> dict[str, float]:
    last = found["snapshots"][-1]
    result = {"mean_loss": last["mean_loss"], "largest_eigenvalue": last["eigenvalues"][0]}
    if found["at_predicted_counts"]:
        result |= {
            f"{key}_at_predicted_counts": found["at_predicted_counts"][key] for key in ("ratio", "ratio_minus_depth")
        }
    if found["found"]:
        result |= {key: float(found["found"][key]) for key in ("n_dominant", "n_bulk")}
    return result


HEADLINES: dict[str, Callable[[dict], dict[str, float]]] = {
    "alpha_map": _alpha_map,
    "alpha_triangle": _alpha_triangle,
    "controlled_ablations": _alpha_map,
    "conv_gap": _conv_gap,
    "depth_bifurcation": _depth_bifurcation,
    "full_spectrum": _full_spectrum,
    "hvp_validation": _hvp_validation,
    "kronecker_spectrum": _kronecker_spectrum,
    "noise_prediction": _noise_prediction,
    "participation_ratio": _participation_ratio,
    "rank_profile": _rank_profile,
    "sampling_noise": _sampling_noise,
    "scalar_preconditioner": _scalar_preconditioner,
    "spectral_newton": _spectral_newton,
    "training_dynamics": _training_dynamics,
    "weight_tail": _weight_tail,
}
