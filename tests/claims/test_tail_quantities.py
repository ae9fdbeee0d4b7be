"""Tails of weights against s: planted spectra, closed forms, and frozen layers by scipy."""

import json

import numpy as np
import pytest
import scipy.stats

from layercurv.claims.tail_quantities import TAIL_QUANTITIES as QUANTITIES
from layercurv.fits import gaussian_spectra, gaussian_tail_exponents


def layer(tail: float, s: float, n: int = 200, shape: tuple[int, int] = (32, 256)) -> dict:
    """Plant quantiles of p(x) ~ x^-tail and curvatures k^-s."""
    k = np.arange(1.0, 9.0)
    return {
        "shape": list(shape),
        "weight_eigenvalues": (((np.arange(n) + 0.5) / n) ** (-1 / (tail - 1))).tolist(),
        "singular_values": (k**-1.0).tolist(),
        "curvatures": (k**-s).tolist(),
        "is_null": [False] * 8,
    }


def test_a_planted_tail_is_found_and_held_against_a_planted_s():
    heavy, light = layer(1.8, 2.5), layer(4.0, 2.5)
    for entry, tail in ((heavy, 1.8), (light, 4.0)):
        assert QUANTITIES["tail_exponent"](entry) == pytest.approx(tail, rel=0.1)
    names = ("tail_reaches_s", "tail_clearly_above_s", "tail_clearly_below_s")
    assert [QUANTITIES[name](heavy) for name in names] == [0, 0, 1]
    assert [QUANTITIES[name](light) for name in names] == [1, 1, 0]
    near = layer(2.5, 2.5, n=20)
    assert [QUANTITIES[name](near) for name in names[1:]] == [0, 0]


def test_rank_slopes_are_closed_forms_over_the_ranks_of_s():
    entry = layer(2.0, 3.0)
    entry["weight_eigenvalues"] = [float(k) ** -1.2 for k in range(1, 9)] + [1e-8] * 20
    assert QUANTITIES["weight_rank_slope"](entry) == pytest.approx(0.6)


def test_gaussian_matrices_are_not_below_themselves_and_a_heavy_tail_is():
    draws = np.random.default_rng(7).standard_normal((60, 32, 256))
    below = {"tail_below_gaussian": [], "tail_below_other_gaussian": []}
    for W in draws:
        spectrum = {"weight_eigenvalues": (np.linalg.svd(W, compute_uv=False) ** 2).tolist()}
        for name, found in below.items():
            found.append(QUANTITIES[name](layer(2, 2) | spectrum))
        slope = QUANTITIES["weight_rank_slope"](layer(2, 2) | spectrum)
        assert slope < 1.2 * QUANTITIES["gaussian_rank_slope"](layer(2, 2))
    for name, found in below.items():
        assert np.mean(found) <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5
        assert QUANTITIES[name](layer(1.8, 2)) == 1
    assert 4 < QUANTITIES["gaussian_tail_exponent"](layer(2, 2)) < 12


def test_the_other_gaussian_matrices_are_others():
    names, lowest = ("tail_below_gaussian", "tail_below_other_gaussian"), []
    for seed in (0, 1):
        exponents, spectra = gaussian_tail_exponents(32, 256, seed=seed), gaussian_spectra(32, 256, seed=seed)
        lowest.append(layer(2, 2) | {"weight_eigenvalues": list(spectra[np.argmin(exponents)])})
    below = [[QUANTITIES[name](entry) for name in names] for entry in lowest]
    assert below in ([[0, 1], [0, 0]], [[0, 0], [1, 0]])


def test_frozen_tails_against_s_correlate_as_scipy_finds(root):
    path = root / "results" / "weight_tail" / "resnet18_cifar10_seed0.small.json"
    layers = json.loads(path.read_text())["measurements"]["layers"]
    tails = [QUANTITIES["tail_exponent"](entry) for entry in layers]
    s = [entry["fits"]["s"]["slope"] for entry in layers]
    expected = scipy.stats.spearmanr(tails, s)
    assert QUANTITIES["tail_s_rank_correlation"]({"layers": layers}) == pytest.approx(expected.statistic)
    assert abs(QUANTITIES["tail_s_rank_correlation_p"]({"layers": layers}) - expected.pvalue) < 0.03
    assert [QUANTITIES["tail_reaches_s"](entry) for entry in layers] == [
        float(t >= x) for t, x in zip(tails, s, strict=True)
    ]
    within_bound = [(t, e["tail"]["exponent"]) for t, e in zip(tails, layers, strict=True) if t < 2.9]
    assert sum(t == pytest.approx(stored, rel=1e-6) for t, stored in within_bound) >= len(within_bound) - 1
    for entry in layers:
        assert QUANTITIES["tail_size"](entry) <= len(entry["weight_eigenvalues"])
