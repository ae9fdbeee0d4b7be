"""The transfer figure against exponents fitted another way."""

import numpy as np
import pytest

from layercurv.figures import alpha_triangle_transfer as module
from tests.compare import assert_close
from tests.figures.frozen import axes_of, records_of

LABELS = {name: entry[0] for name, entry in module.CURVES.items()}


@pytest.fixture
def records():
    return records_of(module)


def used(half):
    sigma, h = (np.array(half[key]) for key in ("singular_values", "curvatures"))
    keep = ~np.array(half["is_null"]) & (h > 0)
    return np.log(np.arange(1, h.size + 1)[keep]), np.log(sigma[keep]), np.log(h[keep])


def slope(x, y):
    return float(np.polyfit(x, y, 1)[0])


def product(half):
    k, sigma, h = used(half)
    return -slope(sigma, h) * slope(k, sigma)


def decay(half, *, in_order):
    k, _, h = used(half)
    return -slope(k, h) if in_order else -slope(np.log(np.arange(1, h.size + 1)), np.sort(h)[::-1])


def bound(half):
    k, sigma, h = used(half)
    free = [1 - np.corrcoef(*pair)[0, 1] ** 2 for pair in ((k, sigma), (sigma, h), (k, h))]
    return np.sqrt(free[0] * free[1] / (1 - free[2]))


def drawn(records):
    return axes_of(module, records)


def test_the_left_panel_shows_every_layer_and_seed_with_s_of_both_halves(records):
    lines = [line for line in drawn(records)[0].lines if line.get_marker() not in ("", "None")]
    shown = {"a": [], "b": []}
    for line in lines:
        shown["b" if line.get_markerfacecolor() == "none" else "a"] += list(zip(*line.get_data(), strict=True))
    layers = [layer for record in records for layer in record["measurements"]["layers"]]
    for half, points in shown.items():
        expected = [(product(layer["a"]), decay(layer[half], in_order=False)) for layer in layers]
        assert len(points) == 63
        assert_close(sorted(points), sorted(expected), 1e-9, what=half)


def test_the_right_panel_shows_sorted_errors_of_every_layer_and_seed(records):
    lines = {line.get_label(): line for line in drawn(records)[1].lines}
    layers = [layer for record in records for layer in record["measurements"]["layers"]]
    s_a, s_b = (np.array([decay(la[half], in_order=True) for la in layers]) for half in ("a", "b"))
    predicted = np.array([product(layer["a"]) for layer in layers])
    expected = {
        "error": abs(predicted / s_a - 1),
        "bound": [bound(layer["a"]) for layer in layers],
        "repeat": abs(s_a / s_b - 1),
        "held_out": abs(predicted / s_b - 1),
    }
    for name, values in expected.items():
        assert_close(lines[LABELS[name]].get_xdata(), np.sort(values), 1e-7, 1e-12, what=name)
        assert_close(lines[LABELS[name]].get_ydata(), np.arange(1, 64) / 63, 1e-12)


def test_other_alphas_are_those_of_the_network_one_by_one(records):
    expected = []
    for record in records:
        halves = [layer["a"] for layer in record["measurements"]["layers"]]
        alphas = np.array([slope(*used(half)[1:]) for half in halves])
        for half in halves:
            k, sigma, _ = used(half)
            expected.append(np.median(abs(-alphas * slope(k, sigma) / decay(half, in_order=True) - 1)))
    line = next(line for line in drawn(records)[1].lines if line.get_label() == LABELS["other_alpha"])
    assert_close(line.get_xdata(), np.sort(expected), 1e-9)


def test_the_band_spans_the_null_of_every_layer(records):
    outline = drawn(records)[1].collections[0].get_paths()[0].vertices[:, 0]
    layers = [layer for record in records for layer in record["measurements"]["layers"]]
    stored = [layer["transfer"]["residual_null"]["unsorted"] for layer in layers]
    ends = {entry[key] for entry in stored for key in ("ci95_low", "ci95_high")}
    assert set(outline) == ends


def test_the_null_permutes_residuals_of_the_line_on_sigma(records):
    layer = records[0]["measurements"]["layers"][0]
    k, sigma, h = used(layer["a"])
    line = np.polyval(np.polyfit(sigma, h, 1), sigma)
    rng = np.random.default_rng(5)
    draws = [line + rng.permutation(h - line) for _ in range(4000)]
    null = [abs(slope(sigma, z) * slope(k, sigma) / slope(k, z) - 1) for z in draws]
    stored = layer["transfer"]["residual_null"]["unsorted"]
    # medians of 1000 and 4000 draws scatter by 3 and 2 % here, upper ends by less than twice that
    assert_close(np.percentile(null, [50, 97.5]), [stored["median"], stored["ci95_high"]], 0.15)
