"""The ResNets of He et al. (2016) for CIFAR-10, with weights that others trained and published."""

from itertools import pairwise
from pathlib import Path

import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from layercurv.errors import InputError, shown
from layercurv.models.weight_files import verified_weights

DEPTHS = (20, 32, 44, 56)  # 6 n + 2, of which weights are published
_FOLDER = "resnet-cifar10-published"
_SOURCE = "github.com/akamaster/pytorch_resnet_cifar10 (commit d5489e8, BSD-2-Clause)"
_CHANNELS = (16, 16, 32, 64)  # of the stem and the three stages
_N_CLASSES = 10


def published_resnet_cifar(depth: int, root: str | Path | None) -> nn.Module:
    """Build a ResNet of He et al. (2016, section 4.2) for CIFAR-10, with published weights.

    Their test errors as published: 8.27, 7.37, 6.90 and 6.61 % for depths 20, 32, 44 and 56. Images are normalised by
    the mean and standard deviation of ImageNet.

    Args:
        depth: Layers with weights: 20, 32, 44 or 56.
        root: Folder that holds MANIFEST.json and resnet-cifar10-published/resnet<depth>.safetensors.

    Returns:
        The network in eval mode, in float32 on the CPU: depth - 1 convolutions and one linear head, images of 32 x 32.
        Its `provenance` says whose weights it has.

    Raises:
        InputError: If there is no such depth, or the file is missing or altered or holds another network.
    """
    if depth not in DEPTHS:
        raise InputError(f"model.depth: expected one of {', '.join(map(str, DEPTHS))}, got {depth}")
    elsewhere = (
        f"the weights are pretrained_models/resnet{depth}-*.th of {_SOURCE}, names without the prefix module., as "
        "safetensors; set LAYERCURV_DATA or model.root to the folder above them"
    )
    file = verified_weights(root, _FOLDER, f"resnet{depth}.safetensors", elsewhere)
    network = CIFARResNet(depth)
    try:
        network.load_state_dict(load_file(file.path))
    except RuntimeError as error:  # torch's own list of what is missing, unexpected or of another shape
        raise InputError(
            f"{file.path}: expected the weights of ResNet-{depth}, got {shown(str(error), 200)}"
        ) from error
    network.provenance = file.provenance(f"ResNet-{depth} trained on CIFAR-10 by others: {_SOURCE}")
    return network.eval()


class CIFARResNet(nn.Module):
    """He et al.'s ResNet of depth 6 n + 2: a stem, three stages of n blocks, the mean over pixels, one linear head."""

    def __init__(self, depth: int):
        """Build the network.

        Args:
            depth: Layers with weights.
        """
        super().__init__()
        n_blocks = (depth - 2) // 6
        self.conv1 = _convolution(3, _CHANNELS[0], stride=1)
        self.bn1 = nn.BatchNorm2d(_CHANNELS[0])
        self.layer1, self.layer2, self.layer3 = (
            nn.Sequential(_Block(inputs, outputs), *(_Block(outputs, outputs) for _ in range(n_blocks - 1)))
            for inputs, outputs in pairwise(_CHANNELS)
        )
        self.linear = nn.Linear(_CHANNELS[-1], _N_CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Args:
            images: [N, 3, 32, 32], normalised.

        Returns:
            Logits [N, 10].
        """
        x = F.relu(self.bn1(self.conv1(images)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.stride = outputs // inputs
        self.conv1 = _convolution(inputs, outputs, self.stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _convolution(outputs, outputs, stride=1)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.stride == 1 else _without_weights(x, self.stride)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + shortcut)


def _without_weights(x: Tensor, stride: int) -> Tensor:
    # Option A: every other pixel, and as many channels of zeros as the stage adds, half in front and half behind.
    added = x.shape[1] * (stride - 1) // 2
    return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, added, added))


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
