"""Tiny networks in float64 on which the engines are compared with brute force."""

from dataclasses import dataclass

import torch
from torch import nn

from layercurv.curvature import CrossEntropy, SquaredError
from layercurv.curvature.losses import Loss


@dataclass(frozen=True)
class Case:
    name: str
    model: nn.Module
    loss: Loss
    inputs: torch.Tensor
    targets: torch.Tensor

    @property
    def batch(self):
        return self.inputs, self.targets

    def micro_batches(self, size: int):
        return list(zip(self.inputs.split(size), self.targets.split(size), strict=True))


class Residual(nn.Module):
    """Convolution, BatchNorm, ReLU, shortcut with stride, max pooling and a head: what a ResNet is made of."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
        self.shortcut = nn.Conv2d(3, 4, 1, stride=2)
        self.dilated = nn.Conv2d(4, 4, 3, padding="same", dilation=2)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = (self.conv(x) + self.shortcut(x)).relu()
        x = nn.functional.max_pool2d(self.dilated(x), 2)
        return self.head(x.mean((2, 3)))


def _randomized_norms(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model


def make_case(name: str) -> Case:
    torch.manual_seed(3)
    images, vectors = torch.randn(5, 2, 6, 6), torch.randn(7, 4)
    labels, sequences = torch.randint(0, 3, (7,)), torch.randn(5, 6, 4)
    deep_linear = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 5, bias=False), nn.Linear(5, 3, bias=False))
    relu_mlp = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    on_sequences = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(30, 3))
    grouped = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2, groups=4), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    )
    cases = {
        "linear_regression": (nn.Linear(4, 3), SquaredError(), vectors, torch.randn(7, 3)),
        "softmax_regression": (nn.Linear(4, 3), CrossEntropy(), vectors, labels),
        "deep_linear": (deep_linear, SquaredError(), vectors, torch.randn(7, 3)),
        "relu_mlp": (relu_mlp, CrossEntropy(), vectors, labels),
        "positions": (on_sequences, CrossEntropy(), sequences, labels[:5]),
        "residual_convolutions": (_randomized_norms(Residual()), CrossEntropy(), images, labels[:5]),
        "grouped_convolutions": (grouped, CrossEntropy(), images, labels[:5]),
    }
    model, loss, inputs, targets = cases[name]
    to_double = targets.double() if targets.is_floating_point() else targets
    return Case(name, model.double().eval(), loss, inputs.double(), to_double)


PIECEWISE_LINEAR = (
    "linear_regression",
    "softmax_regression",
    "deep_linear",
    "relu_mlp",
    "positions",
    "residual_convolutions",
    "grouped_convolutions",
)
