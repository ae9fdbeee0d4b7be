"""The networks the curvature engines are compared on, at their initial weights and on random inputs.

Speed does not depend on what the weights have learnt; agreement is checked on the same weights for all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from layercurv.models import resnet18_cifar
from layercurv.models.transformers_import import transformers
from layercurv.models.vision_import import torchvision


@dataclass(frozen=True)
class Network:
    """One row of the benchmark."""

    name: str
    describe: str
    build: Callable[[], nn.Module]
    draw: Callable[[int], tuple[torch.Tensor, torch.Tensor]]  # number of samples to inputs and targets
    n_samples: int
    every: int = 1  # rivals are timed on every so many layers
    repeats: int = 1  # of ours, the median counts
    repeats_further: int = 0  # of ours on three micro-batches, to tell further ones apart; 0 takes all as first


def vit_tiny(n_layers: int = 12) -> nn.Module:
    """Build a ViT-Tiny for CIFAR-10: patches of 4, width 192, 3 heads.

    Args:
        n_layers: Blocks.

    Returns:
        The network.
    """
    config = transformers.ViTConfig(
        hidden_size=192,
        num_hidden_layers=n_layers,
        num_attention_heads=3,
        intermediate_size=768,
        image_size=32,
        patch_size=4,
        num_labels=10,
    )
    return transformers.ViTForImageClassification(config)


def gpt2(n_layers: int = 6, width: int = 384, n_heads: int = 6, length: int = 128) -> nn.Module:
    """Build a GPT-2 on bytes, input and output embedding apart.

    Args:
        n_layers: Blocks.
        width: Of the residual stream.
        n_heads: Of each attention.
        length: The most tokens it takes.

    Returns:
        The network.
    """
    config = transformers.GPT2Config(
        vocab_size=257,
        n_positions=length,
        n_embd=width,
        n_layer=n_layers,
        n_head=n_heads,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=False,
    )
    return transformers.GPT2LMHeadModel(config)


def _images(size: int, n_classes: int) -> Callable[[int], tuple[torch.Tensor, torch.Tensor]]:
    def draw(n_samples: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.randn(n_samples, 3, size, size)
        return images, torch.randint(0, n_classes, (n_samples,))

    return draw


def _text(length: int) -> Callable[[int], tuple[torch.Tensor, torch.Tensor]]:
    def draw(n_samples: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = torch.randint(0, 257, (n_samples, length + 1))
        return tokens[:, :-1], tokens[:, 1:]

    return draw


NETWORKS = (
    Network(
        "resnet18",
        "ResNet-18, CIFAR stem, 10 classes, 32 x 32",
        lambda: resnet18_cifar(64, 10),
        _images(32, 10),
        32,
        repeats=3,
        repeats_further=3,
    ),
    Network("vit_tiny", "ViT-Tiny, 12 blocks, patches of 4, 32 x 32", vit_tiny, _images(32, 10), 8, every=3),
    Network("gpt2", "GPT-2, 6 x 384, 128 bytes", gpt2, _text(128), 2, every=2),
    Network(
        "resnet50",
        "ResNet-50, 200 classes, 64 x 64",
        lambda: torchvision.models.resnet50(num_classes=200),
        _images(64, 200),
        8,
        every=3,
    ),
)

# A small GPT-2 at growing lengths: memory is measured on them too.
LENGTHS = tuple(
    Network(f"gpt2_{length}", f"GPT-2, 4 x 64, {length} bytes", partial(gpt2, 4, 64, 4, length), _text(length), 8)
    for length in (128, 256, 512, 1024)
)
