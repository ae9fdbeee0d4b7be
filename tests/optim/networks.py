"""Small networks and a deterministic training loop for the optimiser tests."""

import torch
from torch import nn


def convolutional(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),  # before BatchNorm a bias has a gradient of pure rounding
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3, stride=2),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


def linear(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 9, bias=False), nn.Tanh(), nn.Linear(9, 3, bias=False))


def backward(model: nn.Module, step: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1000 + step)
    shape = (8, 2, 6, 6) if isinstance(model[0], nn.Conv2d) else (8, 6)
    dtype = next(model.parameters()).dtype
    inputs = torch.randn(shape, generator=generator, dtype=dtype)
    labels = torch.randint(0, 3, (8,), generator=generator)
    model.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), labels)
    loss.backward()
    return loss.detach()


def take_steps(model: nn.Module, optimizer, steps, scheduler=None) -> None:
    for step in steps:
        backward(model, step)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def assert_same_parameters(found: nn.Module, expected: nn.Module) -> None:
    for (name, a), b in zip(found.named_parameters(), expected.parameters(), strict=True):
        assert torch.equal(a, b), f"{name}: largest difference {(a - b).abs().max():.3g}"
