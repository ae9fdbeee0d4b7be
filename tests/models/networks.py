"""Every builder at a tiny size, what it takes in, and how many weight layers it must have."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from layercurv.models import convnext, deep_linear, mlp, mobilenet_v2, resnet18_cifar, resnet50, vgg
from layercurv.models.gpt2 import gpt2_classifier, gpt2_language_model
from layercurv.models.vit import vit

CLASSES, TOKENS, POSITIONS, FEATURES = 5, 17, 6, 6
NORMS = ("layer", "rms", "batch", "none")
GPT2 = {"n_blocks": 2, "hidden_size": 12, "n_heads": 3, "n_positions": 8, "vocabulary_size": TOKENS}
VIT = {"image_size": 8, "patch_size": 4, "hidden_size": 12, "n_blocks": 2, "n_heads": 3, "n_classes": CLASSES}


@dataclass(frozen=True)
class Tiny:
    build: Callable[[], nn.Module]
    n_layers: int
    image_size: int = 0  # 0 for networks on tokens or vectors
    is_piecewise_linear: bool = True
    spread: float = 0.3  # of weights around their initial values; more would saturate the softmax, less leave it flat
    takes_tokens: bool = False
    output_shape: tuple[int, ...] = (CLASSES,)  # of one sample

    def draw_inputs(self, n_samples: int) -> torch.Tensor:
        if self.takes_tokens:
            return torch.randint(0, TOKENS - 1, (n_samples, POSITIONS))  # the last id is the classifier's padding
        if self.image_size:
            return torch.randn(n_samples, 3, self.image_size, self.image_size)
        return torch.randn(n_samples, FEATURES)

    def draw_targets(self, n_samples: int) -> torch.Tensor:
        return torch.randint(0, self.output_shape[-1], (n_samples, *self.output_shape[:-1]))


def _transformers(norm: str) -> dict[str, Tiny]:
    smooth = {"is_piecewise_linear": False, "spread": 3.0 if norm in ("layer", "rms") else 1.0}
    text = {**smooth, "takes_tokens": True}
    per_token = (POSITIONS, TOKENS)
    return {
        f"vit_{norm}": Tiny(lambda: vit(**VIT, norm=norm), 14, 8, **smooth),
        f"gpt2_{norm}": Tiny(lambda: gpt2_language_model(**GPT2, norm=norm), 9, **text, output_shape=per_token),
        f"gpt2_classifier_{norm}": Tiny(lambda: gpt2_classifier(**GPT2, n_classes=CLASSES, norm=norm), 9, **text),
    }


TINY = {
    "resnet18": Tiny(lambda: resnet18_cifar(2, CLASSES), 21, 8),
    "resnet50_small_images": Tiny(lambda: resnet50(4, CLASSES, small_images=True), 54, 8),
    "resnet50": Tiny(lambda: resnet50(4, CLASSES, small_images=False), 54, 32),
    "vgg11": Tiny(lambda: vgg(11, 2, CLASSES, batch_norm=False), 9, 32),
    "vgg16_batch_norm": Tiny(lambda: vgg(16, 2, CLASSES, batch_norm=True), 14, 32),
    "mobilenet_v2_small_images": Tiny(lambda: mobilenet_v2(0.1, CLASSES, small_images=True), 53, 16, spread=1.0),
    "mobilenet_v2": Tiny(lambda: mobilenet_v2(0.1, CLASSES, small_images=False), 53, 32, spread=1.0),
    "convnext": Tiny(lambda: convnext([4, 6], [1, 2], CLASSES, patch_size=2), 12, 8, False, spread=3.0),
    "mlp": Tiny(lambda: mlp(4, [7, 6], CLASSES), 3, 4),
    "deep_linear": Tiny(lambda: deep_linear([FEATURES, 7, 4, CLASSES], "linear"), 3),
    "deep_relu": Tiny(lambda: deep_linear([FEATURES, 7, 4, CLASSES], "relu"), 3),
    "deep_leaky_relu": Tiny(lambda: deep_linear([FEATURES, 7, 4, CLASSES], "leaky_relu"), 3),
    **{name: tiny for norm in NORMS for name, tiny in _transformers(norm).items()},
}
