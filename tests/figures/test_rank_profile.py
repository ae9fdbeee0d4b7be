"""What the rank_profile figures draw of the frozen records, against numpy's polynomial fits of the same lists."""

import numpy as np
import pytest

from layercurv.figures import rank_profile_laws, rank_profile_shares, style
from layercurv.figures.rank_profile_fits import NETWORKS, RECORDS
from layercurv.results.store import AUDIT
from tests.compare import assert_close
from tests.figures.frozen import read
from tests.reference.profile import LAWS, agreement, laws

COLORS = dict(zip(LAWS, (style.ORANGE, style.GREEN, style.BLUE), strict=True))
KINDS = ("log_normal", "bent_up", "power_law", "exponential")  # from the bottom of a bar
KIND_COLORS = COLORS | {"bent_up": style.SKY}
GROUPS = [(0, 64), (0, 512), (0, 2048), (1, 2048), (3, 2048), (5, 2048), (10, 2048), (10, 512), (10, 64)]
N_LAYERS = {"vgg16": 14, "resnet50": 54}


@pytest.fixture(scope="module")
def records(root):
    return [read(name) for name in RECORDS]


@pytest.fixture(scope="module")
def measured(records):
    """Layers by network, (epoch, B) and seed."""
    found = {}
    for network in NETWORKS:
        for record in (r for r in records if r["variant"].startswith(network)):
            for entry in record["measurements"]["profiles"]:
                at = entry["epoch"], entry["n_samples"]
                found.setdefault((network, at), []).append(entry["layers"])
    return found


@pytest.fixture(scope="module")
def results(measured):
    """Kind and margin of every layer, as `measured`."""
    return {key: [[result(layer) for layer in layers] for layers in seeds] for key, seeds in measured.items()}


def result(layer: dict) -> tuple[str, float]:
    fits = laws(layer)
    first, second = sorted(LAWS, key=lambda law: fits[law]["bic"])[:2]
    bent_up = first == "log_normal" and fits[first]["bend"] > 0
    return "bent_up" if bent_up else first, fits[second]["bic"] - fits[first]["bic"]


def winner(kind: str) -> str:
    return "log_normal" if kind == "bent_up" else kind


@pytest.fixture(scope="module")
def shares(records):
    with style.styled():
        axes = rank_profile_shares.draw([*records, read(AUDIT)]).axes
    return {network: axes[column::2] for column, network in enumerate(NETWORKS)}


@pytest.mark.parametrize("network", NETWORKS)
def test_bars_are_the_shares_of_layers_by_seed_and_fill_the_panel(shares, results, network):
    bars = iter(shares[network][0].containers)
    for at in GROUPS:
        seeds, heights = results[network, at], []
        for kind in KINDS:
            expected = [100 * sum(found == kind for found, _ in layers) / N_LAYERS[network] for layers in seeds]
            heights.append([bar.get_height() for bar in next(bars)])
            assert_close(heights[-1], expected, 1e-12, what=f"{at} {kind}")
        assert_close(np.sum(heights, axis=0), [100.0] * len(seeds), 1e-12)
    assert next(bars, None) is None


@pytest.mark.parametrize("network", NETWORKS)
def test_the_source_papers_shares_stand_at_their_epochs(shares, network):
    lines = [line for line in shares[network][0].lines if line.get_color() == style.BLACK]
    found = {GROUPS[round(np.mean(line.get_xdata()))]: line.get_ydata()[0] for line in lines}
    printed = {"vgg16": {0: 11 / 15, 5: 10 / 15, 10: 9 / 15}, "resnet50": {0: 39 / 54}}[network]
    assert found == {(epoch, 2048): pytest.approx(100 * share) for epoch, share in printed.items()}


@pytest.mark.parametrize("network", NETWORKS)
def test_every_margin_is_drawn_in_its_group_with_the_colour_of_its_kind(shares, results, network):
    axis = shares[network][1]
    low, high = axis.get_ylim()
    for group, at in enumerate(GROUPS):
        for seed, layers in enumerate(results[network, at]):
            place = group + 0.27 * (seed - (len(results[network, at]) - 1) / 2)
            lines = [line for line in axis.lines if line.get_linestyle() == "None"]
            found = [(line.get_color(), y) for line in lines for x, y in line.get_xydata() if abs(x - place) < 1e-9]
            expected = sorted((KIND_COLORS[kind], margin) for kind, margin in layers)
            assert [color for color, _ in sorted(found)] == [color for color, _ in expected]
            assert_close([y for _, y in sorted(found)], [y for _, y in expected], 1e-6, 1e-8, what=f"{at}")
            assert all(low < y < high for _, y in found)


@pytest.mark.parametrize("network", NETWORKS)
def test_medians_and_clear_shares_stand_over_the_margins(shares, results, network):
    axis = shares[network][1]
    (dashes,) = axis.collections
    medians = [np.median([y for _, y in layers]) for at in GROUPS for layers in results[network, at]]
    ends = np.array(dashes.get_segments())
    assert_close(ends[:, 0, 1], medians, 1e-6)
    places = [group + 0.27 * (seed - 1) for group in range(len(GROUPS)) for seed in range(3)]
    assert_close(ends[:, :, 0].mean(axis=1), places, 1e-9, 1e-9)
    clear = [
        "\n".join(f"{100 * np.mean([y >= 6 for _, y in layers]):.0f}" for layers in results[network, at])
        for at in GROUPS
    ]
    assert [text.get_text() for text in axis.texts][: len(GROUPS)] == clear


@pytest.mark.parametrize("network", NETWORKS)
def test_agreement_between_two_b_is_drawn_against_permutations(shares, results, network):
    axis = shares[network][2]
    dots, ticks, bars = ([line for line in axis.lines if line.get_marker() == marker] for marker in ("o", "|", "None"))
    pairs = [
        pair for epoch in (0, 10) for pair in zip(*(results[network, (epoch, B)] for B in (64, 2048)), strict=True)
    ]
    for pair, dot, tick, bar in zip(pairs, dots, ticks, bars, strict=True):
        a, b = ([winner(kind) for kind, _ in layers] for layers in pair)
        expected = agreement(a, b)
        assert dot.get_xdata()[0] == pytest.approx(100 * expected["share"])
        assert tick.get_xdata()[0] == pytest.approx(100 * expected["expected_share"])
        generator = np.random.default_rng(7)
        drawn = np.array([100 * np.mean(generator.permutation(b) == np.array(a)) for _ in range(4000)])
        low, high = bar.get_xdata()
        # of a distribution of few values at most 2.5 % lie beyond each end, and with the end itself at least that
        assert np.mean(drawn < low - 1e-9) < 0.035
        assert np.mean(drawn < low + 1e-9) > 0.015
        assert np.mean(drawn > high + 1e-9) < 0.035
        assert np.mean(drawn > high - 1e-9) > 0.015


@pytest.fixture(scope="module")
def profiles(records):
    with style.styled():
        axes = rank_profile_laws.draw(records).axes
    return {network: axes[8 * row : 8 * row + 8] for row, network in enumerate(NETWORKS)}


POSITIONS = {"vgg16": (0, 6, 12, 13), "resnet50": (0, 26, 52, 53)}  # of 13 and 53 convolutions, and the head
NAMES = {
    "vgg16": ("features.0", "features.20", "features.40", "classifier"),
    "resnet50": ("conv1", "layer3.0.conv3", "layer4.2.conv3", "fc"),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_singular_values_of_every_seed_are_drawn_a_quarter_apart(profiles, measured, network):
    for axis, position, name in zip(profiles[network][:4], POSITIONS[network], NAMES[network], strict=True):
        points = [line for line in axis.lines if line.get_marker() == "o"]
        for seed, (line, layers) in enumerate(zip(points, measured[network, (10, 2048)], strict=True)):
            assert layers[position]["name"] == name
            assert not any(layers[position]["is_null"])
            assert_close(line.get_ydata() * 4**seed, layers[position]["singular_values"], 1e-12, what=name)


@pytest.mark.parametrize("network", NETWORKS)
def test_residuals_are_those_of_least_squares_and_meet_the_curves_above(profiles, measured, network):
    for column, position in enumerate(POSITIONS[network]):
        top, bottom = profiles[network][column], profiles[network][4 + column]
        for law, color in COLORS.items():
            curves, lines = ([line for line in axis.lines if line.get_color() == color] for axis in (top, bottom))
            per_seed = zip(curves, lines, measured[network, (10, 2048)], strict=True)
            for seed, (curve, line, layers) in enumerate(per_seed):
                assert_close(line.get_ydata(), laws(layers[position])[law]["residuals"], 1e-7, 1e-9, what=law)
                log_law = np.log(layers[position]["singular_values"]) - line.get_ydata()
                ends = np.log(curve.get_ydata()[[0, -1]]) + seed * np.log(4)
                assert_close(ends, log_law[[0, -1]], 1e-9, 1e-9)


@pytest.mark.parametrize("network", NETWORKS)
def test_winners_and_their_leads_are_named(profiles, measured, network):
    names = {"power_law": "power law", "exponential": "exponential", "log_normal": "log-normal"}
    for axis, position in zip(profiles[network][:4], POSITIONS[network], strict=True):
        text = axis.texts[0].get_text()
        for layers in measured[network, (10, 2048)]:
            kind, margin = result(layers[position])
            (line,) = [line for line in text.split("\n") if line.startswith(names[winner(kind)])]
            assert (f"{margin:.0f}" if margin >= 10 else f"{margin:.1f}") in line.split(" by ")[1].split(", ")
