"""Networks of torch.compile: measured as they were written, compiled before and after."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import BatchLoss, CrossEntropy, directional_curvature, weight_layers
from layercurv.curvature.spectrum import curvature_matrix

BACKEND = "aot_eager"  # compiles backward passes too, and needs no compiler


def perceptron():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double().eval()


class WithPart(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = torch.compile(perceptron(), backend=BACKEND)

    def forward(self, x):
        return self.part(x)


def batches():
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(n, 4, generator=generator).double(), torch.randint(3, (n,), generator=generator)) for n in (5, 3)
    ]


def own(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def curvatures(model, loss):
    layers = weight_layers(model)
    directions = {layer.name: torch.ones(1, *layer.weight.shape).double() for layer in layers}
    return [found.curvatures for found in directional_curvature(model, loss, batches(), directions).values()]


@pytest.mark.parametrize("loss", [CrossEntropy(), BatchLoss(own, "mean")])
@pytest.mark.parametrize("build", [lambda: torch.compile(perceptron(), backend=BACKEND), WithPart])
@pytest.mark.parametrize("was_run", [True, False])
def test_curvature_is_that_of_the_network_as_it_was_written(loss, build, was_run):
    torch.compiler.reset()
    model, expected = build().eval(), curvatures(perceptron(), BatchLoss(own, "mean"))
    if was_run:
        own(model, batches()[0]).backward()
        model.zero_grad()
    torch.testing.assert_close(curvatures(model, loss), expected, rtol=1e-10, atol=1e-12)
    own(model, batches()[0]).backward()  # it runs as before


@pytest.mark.parametrize("matrix", ["hessian", "ggn"])
def test_spectra_too(matrix):
    model = torch.compile(perceptron(), backend=BACKEND)
    found, expected = (curvature_matrix(net, CrossEntropy(), batches(), matrix) for net in (model, perceptron()))
    unit = torch.eye(found.size).double()
    torch.testing.assert_close(found @ unit, expected @ unit, rtol=1e-10, atol=1e-12)
