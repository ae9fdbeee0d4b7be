"""alpha against depth: exponents by numpy from the frozen lists, depths by the networks' own shapes."""

import numpy as np
import pytest

from layercurv.figures import alpha_map_depth_networks as module
from tests.compare import assert_close
from tests.figures.frozen import axes_of, read, records_of

# Weight layers on the longest way: ResNet-18 1 + 8 x 2 + 1, ResNet-50 1 + 16 x 3 + 1, a transformer's block has four.
LONGEST = {"VGG-11": 9, "ResNet-18": 18, "ResNet-50": 50, "ViT": 1 + 4 * 4 + 1, "GPT-2": 4 * 4 + 1, "perceptron": 4}


@pytest.fixture(scope="module")
def axes():
    return dict(zip(module.NETWORKS, axes_of(module, records_of(module)), strict=True))


def alpha(layer: dict) -> float:
    sigma, h = np.array(layer["singular_values"]), np.array(layer["curvatures"])
    used = ~np.array(layer["is_null"]) & (h > 0)
    return np.polyfit(np.log(sigma[used]), np.log(h[used]), 1)[0]


@pytest.mark.parametrize("network", module.NETWORKS)
def test_every_layer_and_seed_is_drawn(axes, network):
    layers = [read(f"alpha_map/{network}_seed{seed}.small.json")["measurements"]["layers"] for seed in range(3)]
    points = np.concatenate([line.get_ydata() for line in axes[network].lines[1:]])
    assert_close(np.sort(points), np.sort([alpha(layer) for seed in layers for layer in seed]), 1e-9)


@pytest.mark.parametrize(("network", "label"), module.NETWORKS.items())
def test_depth_counts_the_longest_way(network, label):
    layers = read(f"alpha_map/{network}_seed0.small.json")["measurements"]["layers"]
    found = module.depths(layers)
    assert max(found.values()) == LONGEST[label]
    assert found[layers[0]["name"]] == 1
    if label == "ResNet-18":
        assert found["layer2.0.downsample.0"] == found["layer2.0.conv1"] == 6
    if label == "ViT":
        queries = [name for name in found if name.endswith(".q_proj")]
        assert [found[name] for name in queries] == [found[name.replace("q_proj", "v_proj")] for name in queries]


def test_short_lines_are_means_over_seeds(axes):
    (means,) = axes["mlp_cifar10"].collections[:1]
    layers = [read(f"alpha_map/mlp_cifar10_seed{seed}.small.json")["measurements"]["layers"] for seed in range(3)]
    expected = np.mean([[alpha(layer) for layer in seed[:-1]] for seed in layers], axis=0)
    assert_close([segment[0, 1] for segment in means.get_segments()], expected, 1e-9)
