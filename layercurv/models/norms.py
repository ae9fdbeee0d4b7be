"""What stands in the place of LayerNorm: RMSNorm, BatchNorm over tokens, or nothing."""

from collections.abc import Callable

import torch
from torch import nn

from layercurv.errors import choose


class TokenBatchNorm(nn.BatchNorm1d):
    """BatchNorm of [N, T, C]: each of the C features by its mean and variance over samples and tokens.

    In eval mode it is affine. In train mode a token is normalised with the statistics of later tokens too, so a causal
    language model is then not strictly causal.
    """

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Normalise.

        Args:
            tokens: [N, T, C].

        Returns:
            The same shape.
        """
        return super().forward(tokens.flatten(0, -2)).view(tokens.shape)


_NORMS: dict[str, Callable[[nn.LayerNorm], nn.Module]] = {
    "layer": lambda norm: norm,
    "rms": lambda norm: nn.RMSNorm(norm.normalized_shape, eps=norm.eps),
    "batch": lambda norm: TokenBatchNorm(*norm.normalized_shape),
    "none": lambda norm: nn.Identity(),
}


def replace_layer_norm(model: nn.Module, kind: str) -> nn.Module:
    """Replace every `nn.LayerNorm` of a network that has just been built, in place.

    Subclasses, such as torchvision's for images, are left as they are.

    Args:
        model: The network, whose LayerNorms act on [N, T, C].
        kind: "layer" changes nothing; "rms" is `nn.RMSNorm` with the same eps; "batch" is BatchNorm of each feature
            over samples and tokens; "none" is the identity.

    Returns:
        The same network.

    Raises:
        InputError: If the kind is unknown.
    """
    make = choose("model.norm", kind, _NORMS)
    found = [(name, module) for name, module in model.named_modules() if type(module) is nn.LayerNorm]
    for name, module in found:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, make(module))
    return model
