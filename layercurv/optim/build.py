"""Optimisers by name: torch's own classes, and this package's."""

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from layercurv.errors import choose
from layercurv.optim.muon import MuonWithAdamW
from layercurv.optim.param_groups import scaled_groups, spectral_groups
from layercurv.optim.spectral_newton import SpectralNewton


def build_optimizer(model: nn.Module, name: str, learning_rate: float, weight_decay: float, **options) -> Optimizer:
    """Build an optimiser over all parameters; weight decay acts on weight matrices and kernels only.

    Args:
        model: The network.
        name: "sgd", "adam", "adamw", "scaled_adam", "muon" or "spectral_newton".
        learning_rate: Peak learning rate.
        weight_decay: Decay of parameters with two or more dimensions; biases and normalisation get none.
        **options: Passed on. For the first three to the torch class (momentum, nesterov, betas, eps). For "scaled_adam"
            those of `scaled_groups` (exponents, beta, control, seed), and `betas`. For the last two,
            `adamw_learning_rate` is the rate of the parameters AdamW steps; the others are those of `torch.optim.Muon`,
            or of `spectral_groups` (alpha, damping, momentum, nesterov).

    Returns:
        The optimiser.

    Raises:
        InputError: If the name is unknown; the message lists the valid ones.
    """
    builders = {"sgd": _torch(SGD), "adam": _torch(Adam), "adamw": _torch(AdamW)}
    builders |= {"scaled_adam": _scaled_adam, "muon": _muon, "spectral_newton": _spectral_newton}
    return choose("optimizer", name, builders)(model, learning_rate, weight_decay, **options)


def _torch(cls: type[Optimizer]):
    def build(model: nn.Module, learning_rate: float, weight_decay: float, **options) -> Optimizer:
        matrices = [p for p in model.parameters() if p.ndim >= 2]
        vectors = [p for p in model.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        return cls(groups, lr=learning_rate, **options)

    return build


def _scaled_adam(model: nn.Module, learning_rate: float, weight_decay: float, betas: list[float], **options):
    groups = scaled_groups(model, learning_rate=learning_rate, **options)
    return Adam(groups, lr=learning_rate, betas=tuple(betas), weight_decay=weight_decay)


def _muon(model: nn.Module, learning_rate: float, weight_decay: float, adamw_learning_rate: float, **options):
    muon = {"lr": learning_rate, "weight_decay": weight_decay, **options}
    return MuonWithAdamW(model, muon, {"lr": adamw_learning_rate, "weight_decay": 0.0})


def _spectral_newton(
    model: nn.Module, learning_rate: float, weight_decay: float, adamw_learning_rate: float, alpha, **options
):
    adamw = {"lr": adamw_learning_rate, "weight_decay": 0.0}
    groups = spectral_groups(model, alpha, adamw=adamw, lr=learning_rate, weight_decay=weight_decay, **options)
    return SpectralNewton(groups, lr=learning_rate)
