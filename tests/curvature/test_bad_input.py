"""What cannot be measured is one clear error that names layer and reason, before anything is measured."""

import re

import pytest
import torch
from torch import nn

from layercurv.curvature import (
    CrossEntropy,
    Directions,
    KroneckerFactors,
    SquaredError,
    directional_curvature,
    gradient_directions,
    sweep,
    weight_layers,
)
from layercurv.errors import InputError
from tests.cases import make_case
from tests.compare import assert_close


class Parts(nn.Module):
    """Named layers and a forward pass given as a function of them."""

    def __init__(self, forward, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.forward = lambda x: forward(self, x)


def linear():
    return nn.Linear(4, 4)


def write_into_view(net, x):
    x = net.first(x)
    whole = x.clone()
    x[:, 0].mul_(2)
    return net.head(x + whole)


MODELS = {
    "no layer": (nn.ReLU(), None, "ReLU: expected at least one nn.Linear or nn.Conv layer, found none"),
    "train mode": (nn.Sequential(linear(), nn.Dropout()).train(), None, "layer 1: expected Dropout in eval mode"),
    "random numbers": (
        Parts(lambda net, x: net.first(x) + torch.rand_like(x), first=linear()).eval(),
        None,
        "the network draws random numbers (aten.rand_like",
    ),
    "nan in the batch": (
        nn.Sequential(linear()),
        torch.full((2, 4), torch.nan),
        "the network's output holds NaN or infinity",
    ),
    "nan in the output": (
        nn.Sequential(linear(), linear()),
        torch.full((2, 4), 3e38) * torch.tensor([1, -1, 1, -1]),
        "the network's output holds NaN or infinity",
    ),
    "unused layer": (
        Parts(lambda net, x: net.first(x), first=linear(), spare=linear()).eval(),
        None,
        "layer spare: no per-sample gradients: it takes no part in the forward pass",
    ),
    "used twice": (
        Parts(lambda net, x: net.head(net.first(net.first(x).relu())), first=linear(), head=linear()).eval(),
        None,
        "layer first: no per-sample gradients: its weight is applied more than once",
    ),
    "write into a view": (
        Parts(write_into_view, first=linear(), head=linear()).eval(),
        None,
        "the network reads a tensor after writing in place into memory it shares",
    ),
    "samples coupled": (
        Parts(lambda net, x: net.first(x) - net.first(x).mean(0), first=linear()).eval(),
        None,
        "its weight is applied more than once",
    ),
    "samples coupled behind the layer": (
        Parts(lambda net, x: (lambda z: z - z.mean(0))(net.first(x)), first=linear()).eval(),
        None,
        "layer first: no per-sample gradients: the samples of a micro-batch are not independent",
    ),
    "not a tensor": (
        Parts(lambda net, x: {"scores": net.first(x)}, first=linear()).eval(),
        None,
        "Parts: expected the network to return a tensor, or an object or dictionary with `logits`, got dict; for",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_networks_and_batches(name):
    torch.manual_seed(0)
    model, inputs, message = MODELS[name]
    if name == "nan in the output":
        nn.init.constant_(model[0].weight, 10.0)
    inputs = torch.randn(3, 4) if inputs is None else inputs
    with pytest.raises(InputError, match=re.escape(message)):
        layers = weight_layers(model)
        batches = [(inputs, torch.zeros(len(inputs), dtype=torch.long))]
        sweep(model, CrossEntropy(), batches, layers, [KroneckerFactors(layers)])


def measure(loss=None, model=None, **changed):
    case = make_case("relu_mlp")
    directions = gradient_directions(case.model, case.loss, [case.batch], weight_layers(case.model), 2)
    first = directions["0"]
    parts = {key: getattr(first, key) for key in ("singular_values", "left", "right", "is_null")}
    directions["0"] = Directions(**(parts | changed))
    return directional_curvature(case.model, loss or case.loss, [case.batch], directions)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"left": torch.ones(5, 2).double()}, "layer 0: expected left directions of shape (6, 2), got (5, 2)"),
        ({"right": torch.ones(4, 3).double()}, "layer 0: expected right directions of shape (4, 2), got (4, 3)"),
        ({"left": torch.ones(6, 2, device="meta")}, "layer 0: expected directions on cpu, got them on meta"),
    ],
)
def test_directions_that_do_not_fit(changed, message):
    with pytest.raises(InputError, match=re.escape(message)):
        measure(**changed)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (nn.CrossEntropyLoss(reduction="sum"), "expected a mean over samples, got CrossEntropyLoss(reduction='sum')"),
        (SquaredError(), "loss: expected targets shaped like the outputs, (7, 3), got (7,)"),
        (torch.nn.functional.cross_entropy, "got function, whose reduction is not known"),
    ],
)
def test_losses_that_are_not_understood(loss, message):
    with pytest.raises(InputError, match=re.escape(message)):
        measure(loss=loss)


def test_torch_cross_entropy_means_the_same():
    ours, torchs = measure(), measure(loss=nn.CrossEntropyLoss())
    assert all(torch.equal(ours[name].curvatures, torchs[name].curvatures) for name in ours)


def test_mixed_devices():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3)).eval()
    model[1].to("meta")
    layers = weight_layers(model)
    with pytest.raises(InputError, match="expected all weights on one device, got them on cpu, meta"):
        sweep(model, CrossEntropy(), [(torch.ones(2, 4), torch.tensor([0, 1]))], layers, [KroneckerFactors(layers)])


def test_autocast_is_off_while_measuring():
    case = make_case("relu_mlp")
    directions = gradient_directions(case.model, case.loss, [case.batch], weight_layers(case.model), 2)
    expected = directional_curvature(case.model, case.loss, [case.batch], directions)
    with torch.autocast("cpu", torch.bfloat16):
        found = directional_curvature(case.model, case.loss, [case.batch], directions)
    assert all(torch.equal(found[name].curvatures, expected[name].curvatures) for name in expected)


@pytest.mark.parametrize("engine", ["ggn", "tangent"])
def test_a_network_that_looks_at_its_values_is_measured_as_it_is_on_each_micro_batch(engine):
    def forward(net, x):
        return net.head(net.first(x) if x.sum() > 0 else net.first(x).relu())

    model = Parts(forward, first=linear(), head=linear()).eval().double()
    batches = [(s * torch.randn(2, 4).double().abs(), torch.tensor([0, 1])) for s in (1, -1)]
    directions = gradient_directions(model, CrossEntropy(), batches, weight_layers(model), 2)
    found = directional_curvature(model, CrossEntropy(), batches, directions, engine)
    expected = directional_curvature(model, CrossEntropy(), batches, directions, "double_backward")
    for name, curvature in found.items():
        assert_close(curvature.curvatures, expected[name].curvatures, 1e-9, 1e-15, name)


@pytest.mark.parametrize("engine", ["auto", "tangent", "double_backward"])
def test_curvature_that_is_nan_on_a_sample_the_proof_does_not_see_is_an_error(engine):
    length = Parts(
        lambda net, x: net.head(net.first(x).square().sum(1, keepdim=True).sqrt()), first=linear(), head=nn.Linear(1, 2)
    )
    model = length.eval().double()
    nn.init.zeros_(model.first.bias)
    batch = torch.randn(3, 4).double().index_fill(0, torch.tensor([2]), 0.0), torch.tensor([0, 1, 1])
    directions = {"first": Directions.random(weight_layers(model)[0], 2)}
    with pytest.raises(InputError, match=r"first: .*NaN or infinite"):
        directional_curvature(model, CrossEntropy(), [batch], directions, engine)


def test_unknown_engine_layer_and_form_list_the_valid_ones():
    case = make_case("relu_mlp")
    with pytest.raises(InputError, match="auto, double_backward, ggn, tangent"):
        directional_curvature(case.model, case.loss, [case.batch], {}, "magic")
    with pytest.raises(InputError, match="no weight layer 'nope'; the network has: 0, 2, 4"):
        weight_layers(case.model, ["nope"])
    with pytest.raises(InputError, match="expand, reduce"):
        KroneckerFactors(weight_layers(case.model), "shrink")
    with pytest.raises(InputError, match="expected at least one micro-batch"):
        directional_curvature(case.model, case.loss, [], {})


def test_a_layer_without_gradient_is_named():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)).eval()
    nn.init.constant_(model[0].bias, -100.0)  # every unit dead
    batch = torch.randn(3, 4), torch.tensor([0, 1, 2])
    with pytest.raises(InputError, match="layer 0: its gradient is zero"):
        gradient_directions(model, SquaredError(), [(batch[0], torch.ones(3, 3))], weight_layers(model), 2)


def test_directions_may_be_sparse_but_not_complex():
    case = make_case("relu_mlp")
    D = torch.zeros_like(case.model[2].weight)
    D[0, 1] = 1.0

    def curvature(given):
        return directional_curvature(case.model, case.loss, [case.batch], {"2": given})["2"].curvatures

    assert torch.equal(curvature(D[None].to_sparse()), curvature(D[None]))
    with pytest.raises(InputError, match=r"expected real directions, got torch\.complex"):
        curvature(D[None] + 1j)


def test_a_torchscript_module_is_told():
    model = torch.jit.trace(nn.Sequential(nn.Linear(4, 3), nn.Tanh()), torch.zeros(2, 4)).eval()
    batch = torch.randn(3, 4), torch.tensor([0, 1, 2])
    with pytest.raises(InputError, match=r"0\.weight is of a TorchScript module"):
        directional_curvature(model, nn.CrossEntropyLoss(), [batch], {"0.weight": torch.ones(3, 4)})
