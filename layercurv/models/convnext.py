"""The ConvNeXt of torchvision with any widths, depths and patch size."""

from torch import nn

from layercurv.errors import InputError
from layercurv.models.sizes import require_positive
from layercurv.models.vision_import import torchvision

_convnext = torchvision.models.convnext


def convnext(widths: list[int], depths: list[int], n_classes: int, patch_size: int) -> nn.Module:
    """Build a ConvNeXt (Liu et al. 2022) without stochastic depth.

    The scale of each block's branch starts at 1e-6, as in the paper, so the gradients of the layers inside blocks are
    that small until training has moved it. Differs from the paper where `patch_size` is not 4: the kernel and stride of
    the first convolution are then others. 2 suits images of 32 x 32.

    Args:
        widths: Channels of each stage; 96, 192, 384, 768 in ConvNeXt-T.
        depths: Blocks of each stage; 3, 3, 9, 3 there; two or more in all.
        n_classes: Outputs.
        patch_size: Kernel and stride of the first convolution; 4 in the paper.

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator: a depthwise
        convolution and 2 linear layers a block, the convolution before each stage, and one linear head.

    Raises:
        InputError: If a size is not positive, or widths and depths do not fit together.
    """
    require_positive(widths=widths, depths=depths, n_classes=n_classes, patch_size=patch_size)
    if len(widths) != len(depths) or sum(depths) < 2:
        raise InputError(
            f"model.depths: expected one depth for each of {len(widths)} widths, and two blocks or more in all, "
            f"got {list(depths)}"
        )
    followers = [*widths[1:], None]
    stages = [_convnext.CNBlockConfig(*stage) for stage in zip(widths, followers, depths, strict=True)]
    network = _convnext.ConvNeXt(stages, stochastic_depth_prob=0.0, num_classes=n_classes)
    stem = nn.Conv2d(3, widths[0], kernel_size=patch_size, stride=patch_size)
    nn.init.trunc_normal_(stem.weight, std=0.02)  # as torchvision initialises all of its convolutions
    nn.init.zeros_(stem.bias)
    network.features[0][0] = stem
    return network
