"""The multi-layer perceptron on the pixels of an image."""

from torch import nn

from layercurv.models.sizes import require_positive
from layercurv.models.vision_import import torchvision


def mlp(image_size: int, hidden: list[int], n_classes: int) -> nn.Sequential:
    """Build a perceptron with ReLU on flattened RGB images.

    Args:
        image_size: Pixels a side.
        hidden: Units of each hidden layer; none makes a softmax regression.
        n_classes: Outputs.

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator, without dropout:
        one linear layer for each entry of `hidden`, and the head.

    Raises:
        InputError: If a size is not positive.

    Example:
        >>> [layer.out_features for layer in mlp(8, [16, 12], 5).modules() if isinstance(layer, nn.Linear)]
        [16, 12, 5]
    """
    require_positive(image_size=image_size, hidden=hidden, n_classes=n_classes)
    return nn.Sequential(nn.Flatten(), torchvision.ops.MLP(3 * image_size**2, [*hidden, n_classes]))
