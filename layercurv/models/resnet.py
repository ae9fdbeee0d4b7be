"""ResNet-18 for 32 x 32 images, built from torchvision's blocks."""

from torch import nn

from layercurv.errors import InputError
from layercurv.models.vision_import import torchvision

_resnet = torchvision.models.resnet


class CifarResNet(_resnet.ResNet):
    """torchvision's ResNet with the CIFAR stem and a free width.

    The stem is a 3 x 3 convolution of stride 1 and no max pooling (He et al. 2016, section 4.2), so the first stage
    works at full resolution. Stages have width, 2, 4 and 8 times width channels; width = 64 is the usual ResNet-18.
    """

    def __init__(self, block: type, layers: list[int], width: int, n_classes: int):
        """Build the network.

        Args:
            block: torchvision's `BasicBlock` or `Bottleneck`.
            layers: Blocks in each of the four stages.
            width: Channels of the first stage.
            n_classes: Outputs.
        """
        self._width = width
        super().__init__(block, layers, num_classes=n_classes)
        self.conv1 = nn.Conv2d(3, width, kernel_size=3, stride=1, padding=1, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity()
        self.fc = nn.Linear(8 * width * block.expansion, n_classes)

    def _make_layer(self, block, planes, *arguments, **options):
        if planes == 64:  # the first stage: torchvision has just set inplanes for its own stem
            self.inplanes = self._width
        return super()._make_layer(block, planes * self._width // 64, *arguments, **options)


def resnet18_cifar(width: int, n_classes: int) -> CifarResNet:
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
    for name, value in (("width", width), ("n_classes", n_classes)):
        if value < 1:
            raise InputError(f"model.{name}: expected a positive integer, got {value}")
    return CifarResNet(_resnet.BasicBlock, [2, 2, 2, 2], width, n_classes)
