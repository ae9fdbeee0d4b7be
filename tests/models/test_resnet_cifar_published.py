"""Published CIFAR-10 ResNets: their layout, the file's checks, and the real files where they are."""

import json
import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from layercurv.curvature import (
    CrossEntropy,
    directional_curvature,
    gradient_directions,
    weight_layers,
)
from layercurv.errors import InputError
from layercurv.files import sha256_file
from layercurv.models import published_resnet_cifar
from layercurv.models.resnet_cifar_published import CIFARResNet
from tests.compare import assert_close

FOLDER = "resnet-cifar10-published"
ROOT = Path(os.environ.get("LAYERCURV_DATA", "nowhere"))
with_files = pytest.mark.skipif(not (ROOT / FOLDER).is_dir(), reason=f"LAYERCURV_DATA names no folder with {FOLDER}")


def drawn(depth: int) -> CIFARResNet:
    torch.manual_seed(depth)
    network = CIFARResNet(depth)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def written(root: Path, depth: int, state: dict, sha256: str | None = None) -> Path:
    file = f"{FOLDER}/resnet{depth}.safetensors"
    (root / FOLDER).mkdir()
    save_file(state, root / file)
    shards = [{"file": file, "sha256": sha256 or sha256_file(root / file)}]
    (root / "MANIFEST.json").write_text(json.dumps({"datasets": {FOLDER: {"shards": shards}}}))
    return root


def without_counters(network: CIFARResNet) -> dict:  # as published: safetensors without num_batches_tracked
    return {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize("depth", [20, 56])
def test_a_written_network_is_read_again_and_says_whose_it_is(tmp_path, depth):
    network = drawn(depth)
    found = published_resnet_cifar(depth, written(tmp_path, depth, without_counters(network)))
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(found(images), network(images))
    assert not found.training
    assert len(weight_layers(found)) == depth
    assert sum(p.numel() for p in found.parameters()) == {20: 269_722, 56: 853_018}[depth]  # 0.27 and 0.85 million
    assert found.provenance["file"] == f"{FOLDER}/resnet{depth}.safetensors"
    assert found.provenance["sha256"] == sha256_file(tmp_path / FOLDER / f"resnet{depth}.safetensors")
    assert "akamaster" in found.provenance["note"]


def test_shortcuts_take_every_other_pixel_and_pad_channels_on_both_sides():
    block = drawn(20).layer2[0]
    torch.nn.init.zeros_(block.bn2.weight)
    torch.nn.init.zeros_(block.bn2.bias)
    block.bn2.running_mean.zero_()
    x = torch.rand(2, 16, 8, 8)
    found = block(x)
    assert torch.equal(found[:, 8:24], x[:, :, ::2, ::2])
    assert not found[:, :8].any()
    assert not found[:, 24:].any()


def test_the_backward_engine_is_exact_for_every_layer_and_agrees_with_double_backpropagation():
    network = drawn(20).double()
    batch = torch.randn(3, 3, 16, 16).double(), torch.randint(0, 10, (3,))
    layers = weight_layers(network)
    directions = gradient_directions(network, CrossEntropy(), [batch], layers, top_k=10)
    found = directional_curvature(network, CrossEntropy(), [batch], directions, "ggn", slopes=True)
    exact = directional_curvature(network, CrossEntropy(), [batch], directions, "double_backward")
    for name, curvature in found.items():
        expected, scale = exact[name].curvatures, exact[name].curvatures.abs().max().item()
        assert_close(curvature.curvatures, expected, 1e-8, 1e-11 * scale, name)
        sigma = directions[name].singular_values
        assert_close(curvature.slopes.mean(0), sigma, 1e-8, 1e-11 * sigma[0].item(), f"{name}, slopes")


def test_missing_files_say_where_the_weights_come_from(tmp_path):
    for root in (None, tmp_path):
        with pytest.raises(InputError, match=r"resnet20\.safetensors.*akamaster.*LAYERCURV_DATA"):
            published_resnet_cifar(20, root)


def test_unknown_depths_altered_files_and_other_networks_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected one of 20, 32, 44, 56, got 110"):
        published_resnet_cifar(110, tmp_path)
    (tmp_path / "altered").mkdir()
    with pytest.raises(InputError, match="expected SHA-256 0000"):
        published_resnet_cifar(20, written(tmp_path / "altered", 20, {"x": torch.zeros(1)}, "0" * 64))
    with pytest.raises(InputError, match=r"expected the weights of ResNet-20.*layer1\.3"):
        published_resnet_cifar(20, written(tmp_path, 20, without_counters(drawn(32))))


@with_files
@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_published_weights_fit(depth):
    network = published_resnet_cifar(depth, ROOT)
    with torch.no_grad():
        logits = network(torch.randn(2, 3, 32, 32))
    assert logits.isfinite().all()
    assert F.mse_loss(logits[0], logits[1]) > 0.1
