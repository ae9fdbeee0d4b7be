"""Sizes: layers and outputs of every tiny network, and at paper size the shapes of the originals."""

import subprocess

import pytest
import torch
from torch import nn

from layercurv.curvature import weight_layers
from layercurv.errors import InputError
from layercurv.models import convnext, deep_linear, mlp, mobilenet_v2, resnet18_cifar, resnet50, vgg
from layercurv.models.gpt2 import gpt2_classifier, gpt2_language_model
from layercurv.models.norms import TokenBatchNorm, replace_layer_norm
from layercurv.models.transformers_import import transformers
from layercurv.models.vision_import import torchvision
from layercurv.models.vit import vit
from tests.compare import assert_close
from tests.models.networks import CLASSES, GPT2, POSITIONS, TINY, TOKENS, VIT

GPT2_SMALL = {"n_blocks": 12, "hidden_size": 768, "n_heads": 12, "n_positions": 1024, "vocabulary_size": 50257}
VIT_BASE = {"image_size": 224, "patch_size": 16, "hidden_size": 768, "n_blocks": 12, "n_heads": 12, "n_classes": 1000}
CONVNEXT_TINY = ([96, 192, 384, 768], [3, 3, 9, 3], 1000, 4)
ORIGINALS = {
    "resnet50": (lambda: resnet50(64, 1000, False), torchvision.models.resnet50, 25_557_032),
    "mobilenet_v2": (lambda: mobilenet_v2(1.0, 1000, False), torchvision.models.mobilenet_v2, 3_504_872),
    "convnext_tiny": (lambda: convnext(*CONVNEXT_TINY), torchvision.models.convnext_tiny, 28_589_128),
    "vit_base": (
        lambda: vit(**VIT_BASE, norm="layer"),
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(num_labels=1000)),
        86_567_656,
    ),
    "gpt2_small": (
        lambda: gpt2_language_model(**GPT2_SMALL, norm="layer"),
        lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(tie_word_embeddings=False)),
        124_439_808 + 768 * 50257,  # and the output embedding, which GPT-2 shares with the input
    ),
}
BAD = {
    "model.width: expected a positive integer, got 0": lambda: resnet50(0, 10, True),
    "model.width: expected a positive integer, got 0.5": lambda: resnet18_cifar(0.5, 10),
    "model.n_classes: expected a positive integer, got -1": lambda: vgg(11, 8, -1, False),
    "model.width_mult: expected a positive number, got 0": lambda: mobilenet_v2(0, 10, True),
    "model.hidden: expected positive integers, got [8, 0]": lambda: mlp(32, [8, 0], 10),
    "model.widths: expected inputs and outputs at least, got [4]": lambda: deep_linear([4], "relu"),
    "model.depths: expected one depth for each of 2 widths": lambda: convnext([4, 8], [1], 10, 2),
    "unknown model.depth '12'; expected one of: 11, 16": lambda: vgg(12, 8, 10, False),
    "unknown model.activation 'tanh'; expected one of: leaky_relu, linear, relu": lambda: deep_linear([4, 4], "tanh"),
    "unknown model.norm 'group'; expected one of: batch, layer, none, rms": lambda: vit(**VIT, norm="group"),
    "model.image_size: expected a multiple of patch_size (3), got 8": lambda: vit(
        **VIT | {"patch_size": 3}, norm="rms"
    ),
    "model.hidden_size: expected a multiple of n_heads (5), got 12": lambda: gpt2_language_model(
        **GPT2 | {"n_heads": 5}, norm="layer"
    ),
}


@pytest.mark.parametrize("name", TINY)
def test_layers_are_counted_and_outputs_have_their_shape(name):
    tiny = TINY[name]
    model = tiny.build()
    assert len(weight_layers(model)) == tiny.n_layers
    outputs = model.eval()(tiny.draw_inputs(2))
    assert getattr(outputs, "logits", outputs).shape == (2, *tiny.output_shape)


@pytest.mark.parametrize("name", ORIGINALS)
def test_at_paper_size_parameters_have_the_shapes_of_the_original(name):
    build, build_original, n_parameters = ORIGINALS[name]
    with torch.device("meta"):
        ours, original = build(), build_original()
    shapes, expected = ({n: p.shape for n, p in model.state_dict().items()} for model in (ours, original))
    assert shapes == expected
    assert sum(p.numel() for p in ours.parameters()) == n_parameters


@pytest.mark.parametrize(("depth", "batch_norm"), [(11, False), (16, True)])
def test_vgg_has_the_convolutions_of_the_original(depth, batch_norm):
    original = getattr(torchvision.models, f"vgg{depth}{'_bn' if batch_norm else ''}")
    ours = vgg(depth, 64, 10, batch_norm)
    with torch.device("meta"):
        expected = original().features.state_dict()
    assert {n: p.shape for n, p in ours.features.state_dict().items()} == {n: p.shape for n, p in expected.items()}
    assert not any(parameter.is_meta for parameter in ours.parameters())
    assert_close(ours.features[0].weight.std(), (2 / (9 * 64)) ** 0.5, 0.1, what="He et al. 2015, by outputs")
    assert ours.classifier.weight.shape == (10, 512)


def test_small_images_keep_their_resolution_in_the_stem():
    images = torch.randn(1, 3, 32, 32)
    assert resnet50(2, 10, small_images=True).conv1(images).shape[-1] == 32
    assert resnet50(2, 10, small_images=False).conv1(images).shape[-1] == 16
    assert mobilenet_v2(0.1, 10, small_images=True).features[0](images).shape[-1] == 32
    assert convnext([4], [2], 10, patch_size=2).features[0](images).shape[-1] == 16


def test_deep_linear_network_is_the_product_of_its_weights():
    network, inputs = deep_linear([4, 3, 5, 2], "linear").double(), torch.randn(6, 4).double()
    product = network[4].weight @ network[2].weight @ network[0].weight
    assert_close(network(inputs), inputs @ product.T, 1e-12, 1e-15)


def test_norms_replace_every_layer_norm_of_a_vit():
    kinds = {"layer": nn.LayerNorm, "rms": nn.RMSNorm, "batch": TokenBatchNorm, "none": nn.Identity}
    for norm, kind in kinds.items():
        model = vit(**VIT, norm=norm)
        named = {name: type(module) for name, module in model.named_modules() if "layernorm" in name}
        assert set(named.values()) == {kind}, norm
        assert len(named) == 2 * VIT["n_blocks"] + 1


def test_token_batch_norm_is_by_feature_in_train_mode_and_affine_in_eval_mode():
    norm, tokens = TokenBatchNorm(3).double(), torch.randn(4, 5, 3).double() * 2 + 1
    normalised = norm(tokens)
    assert_close(normalised.mean((0, 1)), torch.zeros(3), 0, 1e-12)
    assert_close(normalised.var((0, 1), correction=0), torch.ones(3), 1e-4)
    norm.eval()
    sums = norm(tokens) + norm(-tokens)
    assert_close(sums, 2 * norm(torch.zeros_like(tokens)), 1e-12, 1e-12)


def test_subclasses_of_layer_norm_are_left_as_they_are():
    model = replace_layer_norm(convnext([4], [2], CLASSES, 2), "none")
    norms = [type(module).__name__ for module in model.modules() if "Norm" in type(module).__name__]
    assert set(norms) == {"LayerNorm2d", "Conv2dNormActivation"}


def test_classifier_reads_the_last_token_that_is_not_padding():
    torch.manual_seed(0)
    model = gpt2_classifier(**GPT2, n_classes=CLASSES, norm="layer").double().eval()
    tokens = torch.randint(0, TOKENS - 1, (3, POSITIONS))
    last = model.score(model.transformer(tokens).last_hidden_state[:, -1])
    assert_close(model(tokens).logits, last, 1e-12, 1e-15)
    padded = torch.cat([tokens, torch.full((3, 2), TOKENS - 1)], 1)
    assert_close(model(padded).logits, last, 1e-9, 1e-12)


@pytest.mark.parametrize("message", BAD)
def test_bad_sizes_are_refused_with_their_name(message):
    with pytest.raises(InputError) as caught:
        BAD[message]()
    assert message in str(caught.value)


def test_importing_models_leaves_transformers_out(root, python):
    code = "import sys, layercurv.models; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([python, "-c", code], cwd=root).returncode == 0
