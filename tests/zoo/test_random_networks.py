"""Random small networks composed from supported operations and hostile ones, each held against the oracle."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import CrossEntropy, directional_curvature, weight_layers
from tests.zoo.oracle import curvatures
from tests.zoo.test_zoo import directions_of, rank_one

WIDTH = 6
STEPS = {
    "relu": lambda z, w: z.relu(),
    "tanh": lambda z, w: z.tanh(),
    "gelu": lambda z, w: F.gelu(z),
    "square": lambda z, w: z * z,
    "softmax": lambda z, w: z.softmax(-1),
    "layer_norm": lambda z, w: F.layer_norm(z, (WIDTH,)),
    "group_norm": lambda z, w: F.group_norm(z, 2),
    "linear": lambda z, w: w(z),
    "linear_twice": lambda z, w: w(w(z).tanh()),
    "residual": lambda z, w: z + w(z).relu(),
    "gate": lambda z, w: z * w(z).sigmoid(),
    "attention": lambda z, w: ((z[:, :, None] * w(z)[:, None]).softmax(-1) @ z[:, :, None]).squeeze(2),
    "concatenation": lambda z, w: torch.cat([z[:, :3], w(z)[:, 3:].relu()], 1),
    "division": lambda z, w: z / (1 + w(z).square()),
    "maximum": lambda z, w: F.max_pool1d(torch.stack([z, w(z)], 2).flatten(1)[:, None], 2).squeeze(1),
    "roll": lambda z, w: z.roll(1, 1) - 0.5 * z,
    "cumulative": lambda z, w: z.cumsum(1) / WIDTH,
    "exponential": lambda z, w: (0.3 * z).clamp(-2, 2).exp(),
    "masked": lambda z, w: z.masked_fill(z.detach() > 1, 0.5),
    # What a tape or an engine could miss
    "detached": lambda z, w: z + w(z.detach()),
    "detached_scale": lambda z, w: z * z.detach().abs().mean(1, keepdim=True),
    "over_the_batch": lambda z, w: z - 0.5 * z.mean(0),
    "previous_sample": lambda z, w: z + 0.3 * z.roll(1, 0),
    "branch": lambda z, w: z.tanh() if float(z.sum()) > 0 else z.relu(),
    "item": lambda z, w: z / (1 + z.abs().max().item()),
    "complex": lambda z, w: torch.fft.ifft(torch.fft.fft(z) * torch.arange(WIDTH)).real / WIDTH,
    "no_grad": lambda z, w: z * _quietly(w, z),
    "in_place": lambda z, w: z.clone().add_(w(z)).relu_(),
    "written": lambda z, w: _written(z, w),
}


def _quietly(w, z):
    with torch.no_grad():
        return w(z).sigmoid()


def _written(z, w):
    out = torch.zeros_like(z)
    out[:, ::2] = w(z)[:, ::2]
    return out + z


class Composed(nn.Module):
    def __init__(self, names):
        super().__init__()
        self.names, self.first, self.head = names, nn.Linear(4, WIDTH), nn.Linear(WIDTH, 3)
        self.inner = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in names)

    def forward(self, x):
        z = self.first(x)
        for name, w in zip(self.names, self.inner, strict=True):
            z = STEPS[name](z, w)
        return self.head(z)


def compose(seed: int) -> Composed:
    generator = random.Random(seed)
    torch.manual_seed(seed)
    return Composed(generator.choices(list(STEPS), k=generator.randint(2, 6))).double().eval()


@pytest.mark.parametrize("seed", [*range(40), *(pytest.param(s, marks=pytest.mark.slow) for s in range(40, 400))])
def test_a_random_network_is_measured_as_plain_double_backpropagation_does(seed):
    model = compose(seed)
    batches = [(torch.randn(n, 4).double(), torch.randint(0, 3, (n,))) for n in (6, 3)]
    own = cross_entropy
    used = {name for name, g in gradients(model, own(model, batches[0])).items() if g is not None}
    layers = [layer for layer in weight_layers(model) if f"{layer.name}.weight" in used]
    D = directions_of(layers)
    found = directional_curvature(
        model, CrossEntropy(), batches, {layer.name: rank_one(layer, D[layer.name]) for layer in layers}
    )
    expected = {la.name: curvatures(model, own, batches, [6, 3], [la.weight], [D[la.name]]) for la in layers}
    largest = max(float(h.abs().max()) for h in expected.values())
    for name, h in expected.items():
        error = float((found[name].curvatures - h).abs().max())
        assert error <= 1e-7 * max(float(h.abs().max()), 1e-4 * largest), (
            f"{model.names}, {name} by {found[name].engine}"
        )


def cross_entropy(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def gradients(model, loss):
    weights = dict(model.named_parameters())
    return dict(zip(weights, torch.autograd.grad(loss, weights.values(), allow_unused=True), strict=True))
