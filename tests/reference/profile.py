"""Quantities of `rank_profile` records computed another way: numpy's polyfit, counting over multinomials by hand."""

import functools
import math
from collections import Counter

import numpy as np

LAWS = ("power_law", "exponential", "log_normal")


def names(quantities) -> set[str]:
    return {name for name in quantities if name.startswith(("profile_", "winner_agreement_"))}


def quantity(name: str, item: dict) -> float:
    if name.startswith("winner_agreement_"):
        winners = [[_winner(layer) for layer in item[side]] for side in ("a", "b")]
        return agreement(*winners)[name.removeprefix("winner_agreement_")]
    fits = laws(item)
    winner = min(LAWS, key=lambda law: fits[law]["bic"])
    margin = sorted(fit["bic"] for fit in fits.values())[1] - fits[winner]["bic"]
    residuals = fits[winner]["residuals"]
    r = math.fsum(residuals[1:] * residuals[:-1]) / math.fsum(residuals**2)
    n = residuals.size
    found = {f"profile_{law}": float(winner == law) for law in LAWS} | {
        "profile_bent_up": float(winner == "log_normal" and fits[winner]["bend"] > 0),
        "profile_margin": margin,
        "profile_clear": float(margin >= 6),
        "profile_autocorrelation": r,
        "profile_log_n": math.log(n),
    }
    if name == "profile_clear_discounted":
        fewer = n * (1 - max(r, 0)) / (1 + max(r, 0))
        bics = {law: _bic(fits[law]["residuals"], fits[law]["p"], fewer) for law in LAWS}
        found[name] = float(min(bics[law] for law in LAWS if law != winner) - bics[winner] >= 6)
    return found[name]


def laws(layer: dict) -> dict:
    kept = [s for s, null in zip(layer["singular_values"], layer["is_null"], strict=True) if not null]
    if len(kept) < 4 or not all(math.isfinite(s) and s > 0 for s in kept):
        raise ValueError("too few values")
    y, k = np.log(np.array(kept, dtype=float)), np.arange(1.0, len(kept) + 1)
    found = {}
    for law, x, degree in (("power_law", np.log(k), 1), ("exponential", k, 1), ("log_normal", np.log(k), 2)):
        polynomial = np.polyfit(x, y, degree)
        residuals = y - np.polyval(polynomial, x)
        found[law] = {
            "residuals": residuals, "bend": polynomial[0], "p": degree + 1,
            "bic": _bic(residuals, degree + 1, len(kept)),
        }  # fmt: skip
    return found


def agreement(a: list[str], b: list[str]) -> dict[str, float]:
    """The p-value of the observed order among the 10 000 that the seed gives, which are part of its definition."""
    counts_a, counts_b, n = Counter(a), Counter(b), len(a)
    matches = sum(x == y for x, y in zip(a, b, strict=True))
    drawn = [sum(x == b[i] for x, i in zip(a, order, strict=True)) for order in orders(n)]
    return {
        "share": matches / n,
        "expected_share": sum(counts_a[law] * counts_b[law] for law in counts_a) / n**2,
        "p_value": (1 + sum(found >= matches for found in drawn)) / (1 + len(drawn)),
    }


@functools.cache
def orders(n: int) -> list[list[int]]:
    """Ten thousand permutations of n items, with numpy's generator at seed 0."""
    return np.random.default_rng(0).permuted(np.tile(np.arange(n), (10_000, 1)), axis=1).tolist()


def _bic(residuals: np.ndarray, p: int, n: float) -> float:
    return n * math.log(math.fsum(residuals**2) / residuals.size) + p * math.log(n)


def _winner(layer: dict) -> str:
    fits = laws(layer)
    return min(LAWS, key=lambda law: fits[law]["bic"])
