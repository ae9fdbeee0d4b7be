"""The vision transformer of transformers."""

from torch import nn

from layercurv.models.norms import replace_layer_norm
from layercurv.models.sizes import require_multiple, require_positive
from layercurv.models.transformers_import import transformers


def vit(
    image_size: int, patch_size: int, hidden_size: int, n_blocks: int, n_heads: int, n_classes: int, norm: str
) -> nn.Module:
    """Build a vision transformer (Dosovitskiy et al. 2021) that classifies by its class token.

    Args:
        image_size: Pixels a side.
        patch_size: Pixels a side of a patch.
        hidden_size: Width of a token; 192 is ViT-Tiny, 768 ViT-Base. A block's hidden layer has four times as many.
        n_blocks: Blocks; 12 in both.
        n_heads: Attention heads; 3 and 12.
        n_classes: Outputs.
        norm: "layer" as in the paper, or what replaces every LayerNorm: "rms", "batch" or "none" (see `norms`).

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator, without dropout.
        It maps [N, 3, image_size, image_size] to an object with `logits` [N, n_classes] and has 6 linear layers a
        block, the patch convolution and the head.

    Raises:
        InputError: If a size is not positive or does not fit another, or the norm is unknown.
    """
    require_positive(image_size=image_size, patch_size=patch_size, hidden_size=hidden_size)
    require_positive(n_blocks=n_blocks, n_heads=n_heads, n_classes=n_classes)
    require_multiple("image_size", image_size, "patch_size", patch_size)
    require_multiple("hidden_size", hidden_size, "n_heads", n_heads)
    config = transformers.ViTConfig(
        image_size=image_size,
        patch_size=patch_size,
        hidden_size=hidden_size,
        intermediate_size=4 * hidden_size,
        num_hidden_layers=n_blocks,
        num_attention_heads=n_heads,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=n_classes,
    )
    return replace_layer_norm(transformers.ViTForImageClassification(config), norm)
