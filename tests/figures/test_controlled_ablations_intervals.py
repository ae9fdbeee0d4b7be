"""What is drawn of the frozen records is what numpy finds in their lists, and in the audit."""

import json
import re
from functools import cache

import numpy as np
import pytest
from scipy import stats

from layercurv.figures import controlled_ablations_intervals as module
from layercurv.figures import style
from tests.compare import assert_close
from tests.conftest import ROOT
from tests.figures.test_alpha_map_networks import PATTERNS, slope

KINDS = ("attention_qkv", "attention_projection", "mlp_up", "mlp_down", "head")
VARIANTS = (
    ("vit_cifar10", "vit_rms_norm_cifar10", "vit_batch_norm_cifar10", "vit_none_norm_cifar10"),
    ("vit_cifar10", "vit_cifar100"),
    ("gpt2_tiny_shakespeare", "gpt2_classifier_novels"),
)
COLORS = (style.BLUE, style.GREEN, style.ORANGE, style.VERMILION)


@cache
def alphas(variant: str, seed: int, kind: str) -> np.ndarray:
    path = ROOT / f"results/controlled_ablations/{variant}_seed{seed}.small.json"
    layers = json.loads(path.read_text())["measurements"]["layers"]
    fitted = [layer for layer in layers if layer["fits"] and re.fullmatch(PATTERNS[kind], layer["name"])]
    return np.array([slope(layer) for layer in fitted])


def medians(variant: str, kind: str) -> list[float]:
    found = [alphas(variant, seed, kind) for seed in range(module.SEEDS[variant])]
    return [float(np.median(values)) for values in found if values.size]


@pytest.fixture(scope="module")
def axes():
    records = [json.loads((ROOT / "results" / path).read_text()) for path in module.RECORDS]
    with style.styled():
        return np.array(module.draw(records).axes).reshape(2, 3)


def marked(axis, color: str, markers: str) -> list:
    """Marks of one colour in the order of drawing, without the legend's empty ones."""
    lines = [line for line in axis.lines if line.get_color() == color and line.get_marker() in markers]
    return [line for line in lines if line.get_markersize() != 4 and len(line.get_xdata())]


@pytest.mark.parametrize("column", [0, 1, 2])
def test_every_layer_and_every_seed_s_median_stand_at_their_kind(axes, column):
    for color, marker, variant in zip(COLORS, "os^D", VARIANTS[column], strict=False):
        points, tops = marked(axes[0, column], color, "."), marked(axes[0, column], color, marker)
        points = iter(points)
        tops = iter(tops)
        for place, kind in enumerate(KINDS):
            for seed in range(module.SEEDS[variant]):
                expected = alphas(variant, seed, kind)
                if not expected.size:
                    continue
                line = next(points)
                assert_close(line.get_ydata(), expected, 1e-9, what=f"{variant}, {kind}, seed {seed}")
                assert np.abs(line.get_xdata() - place).max() < 0.5
            if medians(variant, kind):
                line = next(tops)
                assert_close(line.get_ydata(), medians(variant, kind), 1e-9, what=f"{variant}, {kind}")
        assert not list(tops)


@pytest.mark.parametrize("column", [0, 1, 2])
def test_changes_are_medians_less_the_first_variant_s_mean(axes, column):
    first, *others = VARIANTS[column]
    for color, marker, variant in zip(COLORS[1:], "s^D", others, strict=False):
        found = iter(marked(axes[1, column], color, marker))
        for kind in KINDS:
            reference, values = medians(first, kind), medians(variant, kind)
            if reference and values:
                expected = np.array(values) - np.mean(reference)
                assert_close(next(found).get_ydata(), expected, 1e-9, what=f"{variant}, {kind}")
        assert not list(found)


def test_intervals_are_student_s_above_and_welch_s_below():
    """On planted seeds, for the frozen ones are not three everywhere."""
    draws = {"vit_cifar10": [1.0, 1.2, 0.9], "vit_cifar100": [1.5, 1.9, 1.4]}
    groups = [[planted(value) for value in draws[name]] for name in VARIANTS[1]]
    with style.styled():
        upper, lower = style.new_figure(3, 3).subplots(2, 1)
        module._draw_exponents(upper, list(zip(("a", "b"), groups, strict=True)))
        module._draw_changes(lower, groups)
    expected = [stats.t.interval(0.95, 2, np.mean(v), stats.sem(v)) for v in draws.values()]
    assert_close([(bar.get_y(), bar.get_y() + bar.get_height()) for bar in upper.patches], expected, 1e-9)
    test = stats.ttest_ind(draws["vit_cifar100"], draws["vit_cifar10"], equal_var=False)
    (bar,) = lower.patches
    assert_close((bar.get_y(), bar.get_y() + bar.get_height()), test.confidence_interval(0.95), 1e-9)


def planted(alpha: float) -> dict:
    sigma = [1.0, 0.5, 0.25, 0.125]
    layer = {"name": "mlp.fc1", "kind": "linear", "fits": {}, "singular_values": sigma, "is_null": [False] * 4}
    layer |= {"curvatures": [value**alpha for value in sigma], "fits": {"n_valid": 4}}
    return {"measurements": {"mean_loss": 1.0, "layers": [layer, layer | {"name": "head", "fits": None}]}}


def test_the_source_paper_s_values_are_the_audit_s(axes):
    expected = {
        (0, 1): [2.25, 1.74, 2.12, 1.62],
        (1, 1): [-0.51, -0.50],
        (0, 2): [0.73, 1.59, 1.15, 1.85],
        (1, 2): [0.86, 0.69],
    }
    for place, axis in np.ndenumerate(axes):
        diamonds = [line.get_ydata()[0] for line in axis.lines if line.get_markersize() == 4]
        assert_close(diamonds, expected.get(place, []), 1e-12, what=str(place))


def test_legends_give_the_loss_and_say_where_seeds_are_fewer_than_three(axes):
    for column, variants in enumerate(VARIANTS):
        texts = [text.get_text() for text in axes[0, column].get_legend().get_texts()]
        for text, variant in zip(texts, variants, strict=True):
            n_seeds = module.SEEDS[variant]
            paths = [ROOT / f"results/controlled_ablations/{variant}_seed{s}.small.json" for s in range(n_seeds)]
            loss = np.mean([json.loads(path.read_text())["measurements"]["mean_loss"] for path in paths])
            assert f"loss {loss:.2f}" in text and ("$n$ =" in text) == (n_seeds < 3)
