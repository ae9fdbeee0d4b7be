"""Networks of torchvision, in tiny configurations."""

import torch
from torch import nn

from layercurv.models.vision_import import torchvision
from tests.zoo.case import Case, images, seeded
from tests.zoo.hostile import bare_hardsigmoid

LABELS = 3


def spread(model: nn.Module) -> nn.Module:
    """Random weights large enough that attention is not flat, and none zero; norms with statistics of their own."""
    torch.manual_seed(3)
    for parameter in model.parameters():
        width = parameter[0].numel() if parameter.dim() > 1 else 25
        parameter.data += 0.7 * torch.randn_like(parameter) / width**0.5
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2.0)
    return model


def vision(build):
    return seeded(lambda: spread(build()))


def tv():
    return torchvision.models


def squeeze():
    model = tv().SqueezeNet("1_1", num_classes=LABELS)
    return model


def regnet():
    from torchvision.models.regnet import BlockParams, RegNet

    params = BlockParams.from_init_params(depth=4, w_0=8, w_a=4.0, w_m=2.0, group_width=4, se_ratio=0.25)
    return RegNet(params, num_classes=LABELS, stem_width=4)


def efficientnet():
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig

    blocks = [MBConvConfig(1, 3, 1, 4, 4, 1, 1.0, 1.0), MBConvConfig(4, 3, 2, 4, 6, 1, 1.0, 1.0)]
    return EfficientNet(blocks, dropout=0.2, num_classes=LABELS, last_channel=8)


def mobilenet_v3():
    from functools import partial

    from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

    block = partial(InvertedResidualConfig, width_mult=1.0)
    blocks = [block(8, 3, 8, 8, True, "RE", 2, 1), block(8, 3, 16, 8, True, "HS", 1, 1)]
    return MobileNetV3(blocks, 8, num_classes=LABELS)


def vgg():
    features = tv().vgg.make_layers([4, "M", 6, "M"], batch_norm=True)
    network = tv().VGG(features, num_classes=LABELS, init_weights=False)
    network.avgpool = nn.AdaptiveAvgPool2d(2)
    network.classifier = nn.Sequential(nn.Linear(24, 8), nn.ReLU(True), nn.Dropout(), nn.Linear(8, LABELS))
    return network


def resnet(**kw):
    network = tv().ResNet(tv().resnet.BasicBlock, [1, 1, 1, 1], num_classes=LABELS, **kw)
    return network


def inception():
    from torchvision.models.googlenet import Inception

    return nn.Sequential(Inception(3, 2, 2, 2, 2, 2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, LABELS))


def convnext():
    stages = [tv().convnext.CNBlockConfig(8, 16, 1), tv().convnext.CNBlockConfig(16, None, 1)]
    return tv().ConvNeXt(stages, num_classes=LABELS)


class Segmenter(nn.Module):
    """A fully convolutional network: logits [N, C, H, W], as torch's loss takes them."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ConvTranspose2d(4, LABELS, 2, stride=2)

    def forward(self, x):
        return self.up(self.down(x).relu())


SMALL = images(n=2, size=16, n_classes=LABELS)
VISION_NETWORKS = {
    "squeezenet": (squeeze, ["classifier.1", "features.3.squeeze", "features.12.expand3x3"], 32),
    "mobilenet_v2": (lambda: tv().mobilenet_v2(width_mult=0.1, num_classes=LABELS), "features.[0-4]*", 16),
    "mobilenet_v3": (mobilenet_v3, None, 16),
    "shufflenet_v2": (
        lambda: tv().ShuffleNetV2([1, 1, 1], [4, 8, 8, 8, 8], num_classes=LABELS),
        None,
        32,
    ),
    "mnasnet": (lambda: tv().MNASNet(0.1, num_classes=LABELS), "layers.[0-8]*", 32),
    "densenet": (lambda: tv().DenseNet(4, (2, 2), 8, num_classes=LABELS), None, 32),
    "efficientnet": (efficientnet, None, 16),
    "regnet": (regnet, None, 16),
    "vgg": (vgg, None, 16),
    "resnet": (resnet, ["conv1", "layer1.0.conv2", "fc"], 16),
    "resnet_dilated": (
        lambda: tv().ResNet(
            tv().resnet.Bottleneck,
            [1, 1, 1, 1],
            num_classes=LABELS,
            groups=2,
            width_per_group=4,
            replace_stride_with_dilation=[False, True, True],
        ),
        ["conv1", "layer3.0.conv2", "fc"],
        16,
    ),
    "convnext": (convnext, None, 16),
    "vit": (lambda: tv().VisionTransformer(16, 8, 2, 2, 8, 12, num_classes=LABELS), None, 16),
    "swin": (lambda: tv().SwinTransformer([4, 4], 8, [1, 1], [2, 2], [2, 2], num_classes=LABELS), None, 16),
    "swin_v2": (
        lambda: tv().SwinTransformer(
            [4, 4],
            8,
            [1, 1],
            [2, 2],
            [2, 2],
            num_classes=LABELS,
            block=tv().swin_transformer.SwinTransformerBlockV2,
            downsample_layer=tv().swin_transformer.PatchMergingV2,
        ),
        None,
        16,
    ),
    "googlenet_part": (
        inception,
        None,
        16,
    ),
}


def own_segmentation(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def segmentation():
    drawn = SMALL()
    return [(x, torch.randint(0, LABELS, (2, 16, 16), generator=torch.Generator().manual_seed(2))) for x, _ in drawn]


CASES = [
    *(
        Case(
            f"vision/{name}",
            vision(build),
            images(n=2, size=size, n_classes=LABELS),
            layers=layers,
            bake=bare_hardsigmoid,
            slow=name not in ("resnet", "convnext", "mobilenet_v3"),
        )
        for name, (build, layers, size) in VISION_NETWORKS.items()
    ),
    Case(
        "vision/segmentation",
        seeded(Segmenter),
        segmentation,
        nn.CrossEntropyLoss(),
        own_segmentation,
        parameters="up.weight",
    ),
]
