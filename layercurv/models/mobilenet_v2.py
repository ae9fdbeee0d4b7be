"""The MobileNetV2 of torchvision, also for small images."""

from torch import nn

from layercurv.errors import InputError
from layercurv.models.sizes import require_positive
from layercurv.models.vision_import import torchvision


def mobilenet_v2(width_mult: float, n_classes: int, small_images: bool) -> nn.Module:
    """Build a MobileNetV2 (Sandler et al. 2018).

    Differs from the paper where `small_images` is set: the first convolution has stride 1 instead of 2, so that a
    32 x 32 image leaves 2 x 2 positions instead of one.

    Args:
        width_mult: Factor on all channels but the last 1280, which only grow; 1 in the paper. torchvision rounds
            channels to multiples of 8.
        n_classes: Outputs.
        small_images: Whether the first convolution has stride 1.

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator, with torchvision's
        dropout of 0.2 before the head: 52 convolutions, 17 of them depthwise, and one linear head.

    Raises:
        InputError: If width_mult or n_classes is not positive.
    """
    require_positive(n_classes=n_classes)
    if width_mult <= 0:
        raise InputError(f"model.width_mult: expected a positive number, got {width_mult}")
    network = torchvision.models.MobileNetV2(num_classes=n_classes, width_mult=width_mult)
    if small_images:
        network.features[0][0].stride = (1, 1)
    return network
