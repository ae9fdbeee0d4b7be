"""What training does to the exponent of every layer of a small convolution network."""

import sys

import torch
from matplotlib.figure import Figure
from torch import nn

from layercurv.measure import alpha_map

torch.manual_seed(0)

# Pictures of ten classes: a coloured patch of the class, under noise.
patches, labels = torch.randn(10, 3, 16, 16), torch.randint(10, (512,))
images = patches[labels] + 2 * torch.randn(512, 3, 16, 16)
model = nn.Sequential(
    *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
    *(nn.Flatten(), nn.Linear(32, 10)),
)
batches = list(zip(images[:128].split(64), labels[:128].split(64), strict=True))


def exponents() -> dict:
    """Measure all layers.

    Returns:
        Layer name to alpha and its interval.
    """
    found = alpha_map(model.eval(), nn.CrossEntropyLoss(), batches, top_k=10, bar=False)
    return {layer.name: (layer.alpha, layer.interval) for layer in found}


before = exponents()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for _ in range(60):
    chosen = torch.randint(512, (64,))
    loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
after = exponents()

figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.subplots()
for shift, (when, found) in zip((-0.1, 0.1), (("before training", before), ("after", after)), strict=True):
    for x, (alpha, interval) in enumerate(found.values()):
        colour = "#0072B2" if shift < 0 else "#D55E00"
        axes.plot(x + shift, alpha, "o", color=colour, label=when if x == 0 else None)
        axes.vlines(x + shift, *interval, color=colour)
axes.set_xticks(range(len(before)), [f"layer {name}" for name in before])
axes.set_ylabel("alpha")
axes.legend(frameon=False)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "vision.png", dpi=150)
