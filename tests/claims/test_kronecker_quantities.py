"""Correlations of misses with |alpha - 2|, against scipy, closed forms and what is planted."""

import json

import numpy as np
import pytest
import scipy.stats

from layercurv.claims.kronecker_quantities import KRONECKER_QUANTITIES as QUANTITIES

SIGMA = np.geomspace(1, 0.05, 6)


def layer(alpha: float, concentration: float = 1.0, offset: float = 0.0, tilt: float = 0.0) -> dict:
    """Plant alpha, a median concentration, and what noise is predicted to give: sigma^(1 - tilt) e^-offset."""
    ratios = [concentration] * 5 + [99.0]
    return {
        "singular_values": SIGMA.tolist(),
        "curvatures": (3 * SIGMA**alpha).tolist(),
        "is_null": [False] * 5 + [True],
        "gap": {"empirical": {"concentration": ratios}, "ggn": {"concentration": [1 + (r - 1) / 2 for r in ratios]}},
        "gradient_singular_values": [*SIGMA, 1e-9],  # one more than was predicted
        "kinds": {"empirical": {"noise": {"mean_log": ((1 - tilt) * np.log(SIGMA) - offset).tolist()}}},
    }


def test_misses_of_one_layer_are_those_planted():
    shifted, bent = layer(2, offset=0.7), layer(2, tilt=0.3)
    assert QUANTITIES["noise_mismatch"](shifted) == pytest.approx(0.7)
    assert QUANTITIES["noise_shape_mismatch"](shifted) == pytest.approx(0, abs=1e-12)
    assert QUANTITIES["noise_first_ratio"](shifted) == pytest.approx(np.exp(0.7))
    assert QUANTITIES["noise_shape_mismatch"](bent) == pytest.approx(0.3 * np.std(np.log(SIGMA)))
    assert QUANTITIES["noise_correlation"](bent) == pytest.approx(1)


def test_foreign_predictions_come_from_all_other_layers_of_the_same_size():
    layers = [layer(2, offset=offset) for offset in (0.0, 0.1, 0.5)]
    layers.append(layer(2, offset=7))
    layers[3]["kinds"]["empirical"]["noise"]["mean_log"].pop()
    found = QUANTITIES["foreign_noise_mismatch"]({"layers": layers})
    assert found == pytest.approx(np.median([0.1, 0.5, 0.0, 0.5, 0.0, 0.1]))  # that of the prediction
    assert QUANTITIES["foreign_noise_shape_mismatch"]({"layers": layers}) == pytest.approx(0, abs=1e-12)
    assert QUANTITIES["foreign_noise_correlation"]({"layers": layers}) == pytest.approx(1)


ALPHAS = np.array([2.1, 1.6, 2.9, 3.2, 1.2, 2.5, 2.0])
MISSES = np.array([0.3, 0.1, 0.5, 0.4, 0.8, 0.2, 0.25])


@pytest.mark.parametrize(
    ("name", "plant"),
    [("slack_empirical", "concentration"), ("slack_ggn", "concentration"), ("mismatch", "offset"), ("shape", "tilt")],
)
def test_correlations_are_those_of_what_is_planted(name, plant):
    values = 1 - MISSES if plant == "concentration" else MISSES
    selected = {"layers": [layer(a, **{plant: v}) for a, v in zip(ALPHAS, values, strict=True)]}
    expected = scipy.stats.pearsonr(np.abs(ALPHAS - 2), MISSES)
    assert QUANTITIES[f"alpha_gap_{name}_r"](selected) == pytest.approx(expected.statistic)
    # the t distribution against 10,000 orders of seven values
    assert abs(QUANTITIES[f"alpha_gap_{name}_p"](selected) - expected.pvalue) < 0.05
    r = np.corrcoef([np.abs(ALPHAS - 2), MISSES, np.arange(7)])
    partial = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert QUANTITIES[f"alpha_gap_{name}_given_depth_r"](selected) == pytest.approx(partial)


def test_frozen_layers_give_what_numpy_finds(root):
    path = root / "results" / "kronecker_spectrum" / "resnet50_tiny_imagenet_seed0.small.json"
    layers = json.loads(path.read_text())["measurements"]["layers"]
    gaps, mismatches, correlations = [], [], []
    for entry in layers:
        noise = entry["kinds"]["empirical"]["noise"]["mean_log"]
        ratios = np.log(entry["gradient_singular_values"][: len(noise)]) - noise
        gaps.append(abs(entry["fits"]["alpha"]["slope"] - 2))
        mismatches.append(np.sqrt(np.mean(ratios**2)))
        correlations.append(entry["kinds"]["empirical"]["correlation"]["pearson"]["r"])
    assert [QUANTITIES["noise_correlation"](entry) for entry in layers] == pytest.approx(correlations)
    selected = {"layers": layers}
    assert QUANTITIES["alpha_gap_mismatch_r"](selected) == pytest.approx(np.corrcoef(gaps, mismatches)[0, 1])
    expected = np.corrcoef(gaps, 1 - np.array(correlations))[0, 1]
    assert QUANTITIES["alpha_gap_decorrelation_r"](selected) == pytest.approx(expected)
