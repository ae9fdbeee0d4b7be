"""ResNets of any width, for small and for large images, built from torchvision's blocks."""

from torch import nn

from layercurv.models.sizes import require_positive
from layercurv.models.vision_import import torchvision

_resnet = torchvision.models.resnet


class WidthResNet(_resnet.ResNet):
    """torchvision's ResNet with a free width and, for small images, the CIFAR stem.

    The CIFAR stem is a 3 x 3 convolution of stride 1 and no max pooling (He et al. 2016, section 4.2), so the first
    stage works at full resolution. Stages have width, 2, 4 and 8 times width channels (four times as many behind a
    `Bottleneck`); width = 64 is the usual ResNet.
    """

    def __init__(self, block: type, layers: list[int], width: int, n_classes: int, small_images: bool):
        """Build the network.

        Args:
            block: torchvision's `BasicBlock` or `Bottleneck`.
            layers: Blocks in each of the four stages.
            width: Channels of the stem and of the first stage.
            n_classes: Outputs.
            small_images: Whether to take the CIFAR stem instead of torchvision's 7 x 7 of stride 2 with max pooling.
        """
        self._width = width
        super().__init__(block, layers, num_classes=n_classes)
        kernel, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = nn.Conv2d(3, width, kernel, stride=stride, padding=kernel // 2, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.bn1 = nn.BatchNorm2d(width)
        if small_images:
            self.maxpool = nn.Identity()
        self.fc = nn.Linear(8 * width * block.expansion, n_classes)

    def _make_layer(self, block, planes, *arguments, **options):
        if planes == 64:  # the first stage: torchvision has just set inplanes for its own stem
            self.inplanes = self._width
        return super()._make_layer(block, planes * self._width // 64, *arguments, **options)


def resnet18_cifar(width: int, n_classes: int) -> WidthResNet:
    """Build ResNet-18 with the CIFAR stem.

    Args:
        width: Channels of the first stage; 64 in the paper.
        n_classes: Outputs.

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator: 20 convolutions
        and one linear head.

    Raises:
        InputError: If width or n_classes is not positive.
    """
    require_positive(width=width, n_classes=n_classes)
    return WidthResNet(_resnet.BasicBlock, [2, 2, 2, 2], width, n_classes, small_images=True)


def resnet50(width: int, n_classes: int, small_images: bool) -> WidthResNet:
    """Build ResNet-50.

    Args:
        width: Channels of the first stage; 64 in the paper.
        n_classes: Outputs.
        small_images: Whether to take the CIFAR stem (3 x 3, stride 1, no max pooling); otherwise torchvision's own.

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator: 53 convolutions,
        4 of them on shortcuts, and one linear head. At width 64 and with the large stem its parameters have the shapes
        of `torchvision.models.resnet50`.

    Raises:
        InputError: If width or n_classes is not positive.
    """
    require_positive(width=width, n_classes=n_classes)
    return WidthResNet(_resnet.Bottleneck, [3, 4, 6, 3], width, n_classes, small_images)
