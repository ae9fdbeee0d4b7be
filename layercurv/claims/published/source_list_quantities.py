"""What may be recomputed from a list of entries of the paper's files (closed list)."""

from collections.abc import Callable
from functools import partial

import numpy as np

from layercurv.claims.published.source_fits import (
    concentrations,
    curvature_fit,
    smallest_effective_rank,
    stored_winner,
    winner,
)

# "r_eff < 10 gives an exponential profile, both above 10 a log-normal one": the paper's threshold.
RANK_THRESHOLD = 10


def _correlation(x: list[float], y: list[float]) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def _alpha_gap_against(quantity: Callable[[dict], float], layers: list[dict]) -> float:
    # Correlation over layers of |alpha - 2| with something else.
    gaps = [abs(curvature_fit(layer).slope - 2) for layer in layers]
    return _correlation(gaps, [quantity(layer) for layer in layers])


def _slack(average: Callable, layer: dict) -> float:
    return abs(float(average(concentrations(layer))) - 1)


def _alpha_r2(layer: dict) -> float:
    return curvature_fit(layer).r2


def _matches(layer: dict, factors: tuple[str, ...]) -> bool:
    return stored_winner(layer["sigma_bic"]) in [stored_winner(layer[f"{factor}_bic"]) for factor in factors]


def _share_matched(factors: tuple[str, ...], layers: list[dict]) -> float:
    # Layers whose gradient spectrum follows the law of one of these Kronecker factors.
    return float(np.mean([_matches(layer, factors) for layer in layers]))


def _rank_rule_holds(layer: dict) -> bool:
    predicted = "exponential" if smallest_effective_rank(layer) < RANK_THRESHOLD else "log_normal"
    return stored_winner(layer["sigma_bic"]) == predicted


def _epoch_of_most_power_law_wins(epochs: list[dict]) -> float:
    wins = [sum(winner(layer) == "power_law" for layer in epoch["layers"]) for epoch in epochs]
    return float(epochs[int(np.argmax(wins))]["epoch"])


def _alpha_difference(layers: list[dict]) -> float:
    first, second = layers
    return curvature_fit(second).slope - curvature_fit(first).slope


def _seed_means(runs: list[dict]) -> np.ndarray:
    return np.asarray([np.mean(run["seeds"]) for run in runs])


def _largest_mean_difference(runs: list[dict]) -> float:
    means = _seed_means(runs)  # the first is the baseline
    return float(np.abs(means[1:] - means[0]).max())


def _largest_difference_in_deviations(runs: list[dict]) -> float:
    return _largest_mean_difference(runs) / float(np.std(runs[0]["seeds"], ddof=1))


LIST_QUANTITIES: dict[str, Callable[[list[dict]], float]] = {
    "alpha_gap_slack_correlation": partial(_alpha_gap_against, partial(_slack, np.mean)),
    "alpha_gap_median_slack_correlation": partial(_alpha_gap_against, partial(_slack, np.median)),
    "alpha_gap_r2_correlation": partial(_alpha_gap_against, _alpha_r2),
    "alpha_difference": _alpha_difference,
    "share_matched_by_either_factor": partial(_share_matched, ("delta", "A")),
    "share_matched_by_delta": partial(_share_matched, ("delta",)),
    "share_matched_by_A": partial(_share_matched, ("A",)),
    "share_rank_rule_holds": lambda layers: float(np.mean([_rank_rule_holds(layer) for layer in layers])),
    "epoch_of_most_power_law_wins": _epoch_of_most_power_law_wins,
    "participation_change": lambda nets: nets[-1]["eff_rank_curvature_pr"] - nets[0]["eff_rank_curvature_pr"],
    "width_ratio": lambda nets: max(net["width"] for net in nets) / min(net["width"] for net in nets),
    "mean_gain": lambda runs: float(_seed_means(runs)[1] - _seed_means(runs)[0]),
    "stored_mean_gain": lambda runs: runs[1]["mean_best"] - runs[0]["mean_best"],
    "largest_mean_difference": _largest_mean_difference,
    "largest_difference_in_deviations": _largest_difference_in_deviations,
}
