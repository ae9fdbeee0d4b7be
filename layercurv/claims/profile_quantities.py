"""What a claim may recompute of `rank_profile` records.

As in `quantities`, each function reads raw singular values and no stored criterion. All take one layer, except the
`winner_agreement_*`, which take `{"a": [layers], "b": [layers]}`: the same layers measured twice.
"""

import functools
import math
from collections.abc import Callable
from functools import partial

from layercurv.fits import label_agreement, profile_bic
from layercurv.fits.model_selection import CLEAR_MARGIN, MODELS


@functools.lru_cache(maxsize=4096)  # many claims ask for the same fit of the same numbers
def _compared(sigma: tuple) -> dict:
    return profile_bic(sigma)


def _profile(layer: dict) -> dict:
    pairs = zip(layer["singular_values"], layer["is_null"], strict=True)
    return _compared(tuple(sigma for sigma, null in pairs if not null))


def _wins(model: str, layer: dict) -> float:
    return float(_profile(layer)["winner"] == model)


def _bent_up(layer: dict) -> float:
    # Ranked values of a log-normal sample bend down in log-log: d log v / d log k is minus the normal distribution's
    # Mills ratio times the spread, which grows with k. A parabola that opens upwards is none.
    profile = _profile(layer)
    return float(profile["winner"] == "log_normal" and profile["log_normal"]["coefficients"][2] > 0)


def _is_clear(layer: dict) -> float:
    return float(_profile(layer)["margin"] >= CLEAR_MARGIN)


def _log_n(layer: dict) -> float:
    # The log-normal contains the power law, so RSS cannot favour the latter: its BIC leads by at most ln n.
    return math.log(_profile(layer)["n"])


def _is_clear_discounted(layer: dict) -> float:
    # n points whose neighbours correlate by r weigh about as n(1 - r)/(1 + r) independent ones (Bartlett 1935).
    profile = _profile(layer)
    r = max(0.0, profile["lag1_autocorrelation"])
    n = profile["n"] * (1 - r) / (1 + r)

    def bic(model: str) -> float:
        fit = profile[model]
        return n * math.log(fit["rss"]) + len(fit["coefficients"]) * math.log(n)

    rivals = [bic(model) for model in MODELS if model != profile["winner"]]
    return float(min(rivals) - bic(profile["winner"]) >= CLEAR_MARGIN)


@functools.lru_cache(maxsize=256)
def _agreement(a: tuple, b: tuple) -> dict:
    return label_agreement(a, b)


def _winner_agreement(field: str, pair: dict) -> float:
    winners = (tuple(_profile(layer)["winner"] for layer in pair[side]) for side in ("a", "b"))
    return _agreement(*winners)[field]


PAIR_QUANTITIES: dict[str, Callable[[dict], float]] = {
    f"winner_agreement_{field}": partial(_winner_agreement, field) for field in ("share", "expected_share", "p_value")
}

PROFILE_QUANTITIES: dict[str, Callable[[dict], float]] = {
    **{f"profile_{model}": partial(_wins, model) for model in MODELS},
    "profile_bent_up": _bent_up,
    "profile_margin": lambda layer: _profile(layer)["margin"],
    "profile_clear": _is_clear,
    "profile_clear_discounted": _is_clear_discounted,
    "profile_autocorrelation": lambda layer: _profile(layer)["lag1_autocorrelation"],
    "profile_log_n": _log_n,
    **PAIR_QUANTITIES,
}
