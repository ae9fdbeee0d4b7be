"""What is drawn of the frozen records is what numpy finds in their lists, and in the audit."""

import json
import re

import numpy as np
import pytest
from scipy import stats

from layercurv.figures import alpha_map_networks as module
from layercurv.figures import style
from layercurv.figures.style import BLACK
from tests.compare import assert_close
from tests.conftest import ROOT

# Names of layers by kind, written down from the networks' own names.
PATTERNS = {
    "conv": r"features(\.\d+)+(\.conv(\.\d+)+|\.block\.0)?"
    r"|conv\d|layer\d.*(conv\d|downsample\.0)|.*patch_embeddings\.projection",
    "attention_qkv": r".*attention\.[qkv]_proj|.*attn\.c_attn",
    "attention_projection": r".*attention\.o_proj|.*attn\.c_proj",
    "mlp_up": r".*mlp\.(fc1|c_fc)|.*block\.3",
    "mlp_down": r".*mlp\.(fc2|c_proj)|.*block\.5",
    "linear": r"1\.[036]",
    "head": r"fc|classifier(\.\d)?|lm_head|1\.9",
}


def slope(layer: dict, first: int = 0) -> float:
    """Least squares of log h on log sigma over what is neither null nor negative, by numpy's polyfit."""
    sigma, h, null = (np.array(layer[key]) for key in ("singular_values", "curvatures", "is_null"))
    kept = np.flatnonzero(~null & (h > 0) & (sigma > 0))
    kept = kept[kept >= first]
    return np.polyfit(np.log(sigma[kept]), np.log(h[kept]), 1)[0]


def rows() -> list[tuple[str, str, list[list[dict]]]]:
    found = []
    for role, pattern in PATTERNS.items():
        for network, (_, n_seeds, _) in module.NETWORKS.items():
            paths = [ROOT / f"results/alpha_map/{network}_seed{seed}.small.json" for seed in range(n_seeds)]
            seeds = [json.loads(path.read_text())["measurements"]["layers"] for path in paths]
            picked = [[layer for layer in layers if re.fullmatch(pattern, layer["name"])] for layers in seeds]
            if picked[0]:
                found.append((role, network, picked))
    return found


ROWS = rows()


@pytest.fixture(scope="module")
def axes():
    records = [json.loads((ROOT / "results" / path).read_text()) for path in module.RECORDS]
    with style.styled():
        return module.draw(records).axes


def heights(axis) -> list[float]:
    return list(axis.get_yticks())


def lines_at(axis, y: float, marker: str) -> list:
    near = [line for line in axis.lines if line.get_marker() == marker and len(line.get_ydata())]
    return [line for line in near if np.all(np.abs(line.get_ydata() - y) < 0.45)]


def test_every_layer_of_every_network_is_in_exactly_one_row():
    drawn = {}
    for _, network, seeds in ROWS:
        drawn.setdefault(network, []).extend(layer["name"] for layer in seeds[0])
    for network in module.NETWORKS:
        path = ROOT / f"results/alpha_map/{network}_seed0.small.json"
        names = [layer["name"] for layer in json.loads(path.read_text())["measurements"]["layers"]]
        assert sorted(drawn[network]) == sorted(names), network


def test_rows_stand_in_order_with_network_number_of_layers_and_of_seeds(axes):
    labels = [label.get_text() for label in axes[0].get_yticklabels()]
    assert len(labels) == len(ROWS)
    for label, (_, network, seeds) in zip(labels, ROWS, strict=True):
        name, n_seeds, _ = module.NETWORKS[network]
        assert label.startswith(name) and f"({len(seeds[0])})" in label
        assert label.endswith("seed") == (n_seeds == 1) and label.endswith("two seeds") == (n_seeds == 2)


def test_exponents_of_all_layers_and_their_medians_are_drawn_for_each_seed(axes):
    for y, (role, network, seeds) in zip(heights(axes[0]), ROWS, strict=True):
        points, bars, changes = lines_at(axes[0], y, "o"), lines_at(axes[0], y, "|"), lines_at(axes[1], y, "o")
        assert len(points) == len(bars) == len(changes) == len(seeds)
        for seed, layers in enumerate(seeds):
            alphas = np.array([slope(layer) for layer in layers])
            what = f"{role} of {network}, seed {seed}"
            assert_close(points[seed].get_xdata(), alphas, 1e-9, what=what)
            assert_close(bars[seed].get_xdata(), [np.median(alphas)], 1e-9, what=what)
            change = np.median([slope(layer, first=1) for layer in layers] - alphas)
            assert_close(changes[seed].get_xdata(), [change], 1e-8, what=what)


def test_shares_of_singular_values_that_other_samples_show_are_drawn_for_each_seed(axes):
    for y, (role, network, _) in zip(heights(axes[0]), ROWS, strict=True):
        points = lines_at(axes[2], y, "o")
        assert len(points) == module.NETWORKS[network][2]
        for seed, point in enumerate(points):
            path = ROOT / f"results/alpha_triangle/{network}_seed{seed}.small.json"
            shares = []
            for layer in json.loads(path.read_text())["measurements"]["layers"]:
                first, second = layer["a"], layer["crossed"]["slopes"]
                pairs = zip(second, first["singular_values"], first["is_null"], strict=True)
                if re.fullmatch(PATTERNS[role], first["name"]):
                    shares.append(np.median([slope_b / sigma for slope_b, sigma, null in pairs if not null]))
            assert_close(point.get_xdata(), [np.median(shares)], 1e-9, what=f"{role} of {network}, seed {seed}")


def test_three_seeds_get_student_s_interval_about_their_mean(axes):
    means = [line for line in axes[0].lines if line.get_color() == BLACK and line.get_marker() == "None"]
    boxes = [box for box in axes[0].collections if np.isclose(box.get_alpha(), 0.25)]
    several = [(y, seeds) for y, (_, _, seeds) in zip(heights(axes[0]), ROWS, strict=True) if len(seeds) == 3]
    assert len(boxes) == len(several) > 0
    for box, (y, seeds) in zip(boxes, several, strict=True):
        medians = [np.median([slope(layer) for layer in layers]) for layers in seeds]
        expected = stats.t.interval(0.95, 2, np.mean(medians), stats.sem(medians))
        found = box.get_paths()[0].vertices
        assert_close([found[:, 0].min(), found[:, 0].max()], expected, 1e-9)
        assert found[:, 1].min() < y < found[:, 1].max()
        assert any(np.allclose(line.get_xdata(), np.mean(medians)) for line in means)


def test_the_source_paper_s_marks_are_the_audit_s(axes):
    audit = json.loads((ROOT / "results" / module.AUDIT).read_text())["measurements"]["rows"]
    by_row = {(role, network): y for y, (role, network, _) in zip(heights(axes[0]), ROWS, strict=True)}
    # written down from the source paper's tables
    printed = {
        ("conv", "resnet18_cifar10"): ("C021", [1.97]),
        ("conv", "vgg11_cifar10"): ("C022", [2.17]),
        ("conv", "resnet50_tiny_imagenet"): ("C026", [1.94]),
        ("attention_qkv", "vit_cifar10"): ("C161", [2.25]),
        ("attention_qkv", "gpt2_tiny_shakespeare"): ("C044", [1.43]),
        ("attention_projection", "gpt2_tiny_shakespeare"): ("C048", [1.17]),
        ("mlp_up", "vit_cifar10"): ("C164", [2.12]),
        ("mlp_up", "gpt2_tiny_shakespeare"): ("C052", [0.84]),
        ("mlp_down", "gpt2_tiny_shakespeare"): ("C056", [1.15]),
        ("linear", "mlp_cifar10"): ("C031", [2.18]),
        ("head", "vgg11_cifar10"): ("C037", [1.23, 1.65]),
        ("head", "resnet50_tiny_imagenet"): ("C033", [0.90]),
        ("head", "gpt2_tiny_shakespeare"): ("C043", []),  # 4.53, beyond the axis
    }
    for place, y in by_row.items():
        row, values = printed.get(place, (None, []))
        diamonds = [value for line in lines_at(axes[0], y, "D") for value in line.get_xdata()]
        crosses = [value for line in lines_at(axes[0], y, "x") for value in line.get_xdata()]
        readings = [value for reading in audit[row]["readings"] for value in reading["values"]] if row else []
        assert_close(diamonds, values, 1e-12, what=str(place))
        assert_close(crosses, readings, 1e-12, what=str(place))
    assert "printed 4.53" in [text.get_text() for text in axes[0].texts]


def test_shading_covers_what_rounds_to_the_statement(axes):
    ranges = [box for box in axes[0].collections if np.isclose(box.get_alpha(), 0.22)]
    found = [(box.get_paths()[0].vertices[:, 0].min(), box.get_paths()[0].vertices[:, 0].max()) for box in ranges]
    assert found == [(1.5, 2.5), (0.5, 1.5), (0.5, 1.5), (0.0, 1.0), (2.0, 9.0)]
