"""What a claim may recompute of `rank_profile` records.

As in `quantities`, each function reads raw singular values and no stored criterion. All take one layer, except the
`winner_agreement_*`, which take `{"a": [layers], "b": [layers]}`: the same layers measured twice.
"""

import math
from collections.abc import Callable
from functools import partial

from claimgate.shared_fit import reads
from layercurv.claims.layer_fits import profile_of
from layercurv.fits import label_agreement, label_shares
from layercurv.fits.model_selection import CLEAR_MARGIN, MODELS


def _wins(model: str, layer: dict) -> float:
    return float(profile_of(layer)["winner"] == model)


def _bent_up(layer: dict) -> float:
    # Ranked values of a log-normal sample bend down in log-log: d log v / d log k is minus the normal distribution's
    # Mills ratio times the spread, which grows with k. A parabola that opens upwards is none.
    profile = profile_of(layer)
    return float(profile["winner"] == "log_normal" and profile["log_normal"]["coefficients"][2] > 0)


def _is_clear(layer: dict) -> float:
    return float(profile_of(layer)["margin"] >= CLEAR_MARGIN)


def _log_n(layer: dict) -> float:
    # The log-normal contains the power law, so RSS cannot favour the latter: its BIC leads by at most ln n.
    return math.log(profile_of(layer)["n"])


def _is_clear_discounted(layer: dict) -> float:
    # n points whose neighbours correlate by r weigh about as n(1 - r)/(1 + r) independent ones (Bartlett 1935).
    profile = profile_of(layer)
    r = max(0.0, profile["lag1_autocorrelation"])
    n = profile["n"] * (1 - r) / (1 + r)

    def bic(model: str) -> float:
        fit = profile[model]
        return n * math.log(fit["rss"]) + len(fit["coefficients"]) * math.log(n)

    rivals = [bic(model) for model in MODELS if model != profile["winner"]]
    return float(min(rivals) - bic(profile["winner"]) >= CLEAR_MARGIN)


def _winner_agreement(agreement: Callable[..., dict], field: str, pair: dict) -> float:
    return agreement(*([profile_of(layer)["winner"] for layer in pair[side]] for side in ("a", "b")))[field]


PAIR_QUANTITIES: dict[str, Callable[[dict], float]] = {
    "winner_agreement_share": partial(_winner_agreement, label_shares, "share"),
    "winner_agreement_expected_share": partial(_winner_agreement, label_shares, "expected_share"),
    "winner_agreement_p_value": partial(_winner_agreement, label_agreement, "p_value"),
}

PROFILE_QUANTITIES: dict[str, Callable[[dict], float]] = {
    **{f"profile_{model}": partial(_wins, model) for model in MODELS},
    "profile_bent_up": _bent_up,
    "profile_margin": lambda layer: profile_of(layer)["margin"],
    "profile_clear": _is_clear,
    "profile_clear_discounted": _is_clear_discounted,
    "profile_autocorrelation": lambda layer: profile_of(layer)["lag1_autocorrelation"],
    "profile_log_n": _log_n,
    **PAIR_QUANTITIES,
}

PROFILE_FITS = dict.fromkeys(PROFILE_QUANTITIES, reads(profile_of)) | dict.fromkeys(
    PAIR_QUANTITIES, reads(profile_of, items_of=lambda pair: [*pair["a"], *pair["b"]])
)
