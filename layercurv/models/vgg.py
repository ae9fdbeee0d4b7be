"""VGG-11 and VGG-16 of any width, with one linear head."""

import torch
from torch import nn

from layercurv.errors import choose
from layercurv.models.sizes import require_positive
from layercurv.models.vision_import import torchvision

_vgg = torchvision.models.vgg
_CONFIGURATIONS = {"11": "A", "16": "D"}  # columns of table 1 in Simonyan and Zisserman 2015


def vgg(depth: int, width: int, n_classes: int, batch_norm: bool) -> nn.Module:
    """Build a VGG.

    Differs from the paper: average pooling to 1 x 1 and one linear layer replace the classifier of two hidden layers
    of 4096 units on 7 x 7 positions. The five max poolings leave 1 x 1 positions of a 32 x 32 image and 2 x 2 of a
    64 x 64 image, so that classifier would see copies of the same numbers, and it would hold nine tenths of all
    weights. Images of fewer than 32 pixels a side are too small.

    Args:
        depth: 11 or 16, counting the two hidden layers left out here.
        width: Channels of the first stage; 64 in the paper. Later stages have 2, 4, 8 and 8 times as many.
        n_classes: Outputs.
        batch_norm: Whether BatchNorm follows every convolution.

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator (convolutions as
        torchvision does, the head as torch does): 8 or 13 convolutions and one linear head.

    Raises:
        InputError: If the depth is unknown, or width or n_classes is not positive.
    """
    require_positive(width=width, n_classes=n_classes)
    configuration = _vgg.cfgs[choose("model.depth", str(depth), _CONFIGURATIONS)]
    scaled = [entry if entry == "M" else entry * width // 64 for entry in configuration]
    features = _vgg.make_layers(scaled, batch_norm)
    with torch.device("meta"):  # the classifier replaced below, half a gigabyte, is not allocated
        network = _vgg.VGG(features, num_classes=n_classes)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Linear(scaled[-2], n_classes)
    return network
