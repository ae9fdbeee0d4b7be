"""torchvision's and transformers' own networks, tiny and in float64: `auto` against double backpropagation."""

import pytest
import torch
from torch import nn

from layercurv.curvature import CrossEntropy, directional_curvature, gradient_directions, weight_layers
from layercurv.models import resnet18_cifar
from layercurv.models.transformers_import import transformers
from layercurv.models.vision_import import torchvision
from tests.cases import Case
from tests.compare import assert_close
from tests.reference.dense import directional_curvatures

CLASSES, TOKENS = 5, 17


def convnext():
    stages = [
        torchvision.models.convnext.CNBlockConfig(8, 16, 1),
        torchvision.models.convnext.CNBlockConfig(16, None, 1),
    ]
    return torchvision.models.ConvNeXt(stages, num_classes=CLASSES)


def vgg():
    features = torchvision.models.vgg.make_layers([4, "M", 6, "M"], batch_norm=False)
    network = torchvision.models.VGG(features, num_classes=CLASSES, init_weights=False)
    network.avgpool, network.classifier = nn.AdaptiveAvgPool2d(2), nn.Sequential(nn.Linear(24, 8), nn.ReLU(True))
    network.classifier.append(nn.Linear(8, CLASSES))
    return network


def transformers_vit():
    config = transformers.ViTConfig(
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=24,
        image_size=32,
        patch_size=16,
        num_labels=CLASSES,
    )
    return transformers.ViTForImageClassification(config)


def transformers_gpt2(tied: bool, activation: str = "gelu_new"):
    config = transformers.GPT2Config(
        vocab_size=TOKENS,
        n_positions=8,
        n_embd=12,
        n_layer=2,
        n_head=3,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=tied,
        activation_function=activation,
    )
    return transformers.GPT2LMHeadModel(config)


NETWORKS = {
    "resnet18": lambda: resnet18_cifar(width=4, n_classes=CLASSES),
    "torchvision_resnet18": lambda: torchvision.models.resnet18(num_classes=CLASSES),
    "vgg": vgg,
    "mobilenet_v2": lambda: torchvision.models.mobilenet_v2(width_mult=0.1, num_classes=CLASSES),
    "convnext": convnext,
    "torchvision_vit": lambda: torchvision.models.VisionTransformer(32, 16, 2, 3, 12, 24, num_classes=CLASSES),
    "transformers_vit": transformers_vit,
    "gpt2": lambda: transformers_gpt2(tied=False),
    "gpt2_fused_activation": lambda: transformers_gpt2(tied=False, activation="gelu_pytorch_tanh"),
    "gpt2_tied": lambda: transformers_gpt2(tied=True),
}
PIECEWISE_LINEAR = {"resnet18", "torchvision_resnet18", "vgg", "mobilenet_v2"}


def case_of(name: str) -> Case:
    torch.manual_seed(1)
    model = NETWORKS[name]().double().eval()
    for parameter in model.parameters():  # none zero; attention not flat
        factor = 0.3 if name in PIECEWISE_LINEAR else 3
        spread = 0.1 * factor if parameter.dim() == 1 else factor / parameter[0].numel() ** 0.5
        parameter.data += spread * torch.randn_like(parameter)
    if name.startswith("gpt2"):
        tokens = torch.randint(0, TOKENS, (3, 7))
        return Case(name, model, CrossEntropy(), tokens[:, :-1], tokens[:, 1:])
    images = torch.randn(3, 3, 32, 32).double()
    return Case(name, model, CrossEntropy(), images, torch.randint(0, CLASSES, (3,)))


@pytest.mark.parametrize("name", NETWORKS)
def test_auto_agrees_with_double_backpropagation_on_every_layer(name):
    case = case_of(name)
    layers = weight_layers(case.model)
    if name == "torchvision_resnet18":  # wide: a few layers will do
        layers = [layer for layer in layers if layer.name in ("conv1", "layer3.0.conv2", "layer4.1.conv1", "fc")]
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=2)
    found = directional_curvature(case.model, case.loss, case.micro_batches(2), directions, slopes=True)
    exact = directional_curvature(case.model, case.loss, [case.batch], directions, "double_backward")
    for layer, curvature in found.items():
        expected, scale = exact[layer].curvatures, exact[layer].curvatures.abs().max().item()
        assert_close(curvature.curvatures, expected, 1e-8, 1e-11 * scale, f"{name}, {layer} by {curvature.engine}")
        sigma = directions[layer].singular_values
        assert_close(curvature.slopes.mean(0), sigma, 1e-8, 1e-11 * sigma[0].item(), f"{name}, {layer}, slopes")
        assert_close(curvature.per_sample.mean(0), expected, 1e-8, 1e-11 * scale, f"{name}, {layer}, samples")
    engines = {curvature.engine for curvature in found.values()}
    if name in PIECEWISE_LINEAR:
        assert engines <= {"ggn", "tangent"}
        for layer, curvature in found.items():
            assert torch.equal(curvature.ggn, curvature.curvatures), layer
    else:
        assert engines == {"tangent"}
        assert any(((c.ggn - c.curvatures).abs() > 0.1 * c.curvatures.abs()).any() for c in found.values())


@pytest.mark.parametrize("name", ["transformers_vit", "gpt2_tied", "convnext"])
def test_double_backpropagation_agrees_with_the_dense_hessian(name):
    case = case_of(name)
    layers = [layer for layer in weight_layers(case.model) if layer.weight.numel() <= 300]
    assert layers
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=2)
    found = directional_curvature(case.model, case.loss, [case.batch], directions, "double_backward")
    for layer in layers:
        expected = directional_curvatures(case, layer, directions[layer.name])
        assert_close(found[layer.name].curvatures, expected, 1e-8, 1e-12 * expected.abs().max().item(), layer.name)
