import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import (
    CrossEntropy,
    GGNCurvature,
    directional_curvature,
    gradient_directions,
    not_affine,
    sweep,
    weight_layers,
)
from layercurv.errors import InputError
from layercurv.models import resnet18_cifar
from tests.cases import PIECEWISE_LINEAR, Case, make_case
from tests.compare import assert_close
from tests.reference.dense import directional_curvatures


class Net(nn.Module):
    """Two linear layers and a head; `between` acts between them and hides what it is from any list of modules."""

    def __init__(self, between):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.between = between

    def forward(self, x):
        return self.head(F.relu(self.second(self.between(self, self.first(x)))))


def attention(_net, z):
    return (z @ z.T).softmax(1) @ z


def tied(net, z):
    return F.linear(z, net.first.weight)


SMOOTH = {
    "functional_gelu": lambda _net, z: F.gelu(z),
    "elu": lambda _net, z: F.elu(z),
    "silu": lambda _net, z: F.silu(z),
    "tanh": lambda _net, z: z.tanh(),
    "gate": lambda _net, z: z * z.sigmoid(),
    "square": lambda _net, z: z * z,
    "layer_norm": lambda _net, z: F.layer_norm(z, (4,)),
    "group_norm": lambda _net, z: F.group_norm(z, 2),
    "batch_statistics": lambda _net, z: F.batch_norm(z, None, None, training=True),
    "attention": attention,
    "tied_weight": tied,
}
KINKED = {
    "relu": lambda _net, z: F.relu(z),
    "leaky_relu": lambda _net, z: F.leaky_relu(z, 0.1),
    "abs": lambda _net, z: z.abs(),
    "hardtanh": lambda _net, z: F.hardtanh(z),
    "max_pool": lambda _net, z: F.max_pool1d(z.unsqueeze(1), 2).squeeze(1).repeat(1, 2),
    "dropout_in_eval_mode": lambda _net, z: F.dropout(z, 0.5, training=False),
    "residual": lambda _net, z: z + F.relu(z),
}


def case_of(between) -> Case:
    torch.manual_seed(2)
    model = Net(between).double().eval()
    return Case("net", model, CrossEntropy(), torch.randn(5, 4).double(), torch.randint(0, 3, (5,)))


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_piecewise_linear_networks_pass(name):
    case = make_case(name)
    assert not_affine(case.model, case.inputs, weight_layers(case.model)) == {}


def test_resnet18_passes_in_float32():
    model = resnet18_cifar(width=4, n_classes=10).eval()
    assert not_affine(model, torch.randn(2, 3, 8, 8), weight_layers(model)) == {}


@pytest.mark.parametrize("name", KINKED)
def test_functions_with_kinks_pass(name):
    case = case_of(KINKED[name])
    assert not_affine(case.model, case.inputs, weight_layers(case.model)) == {}


@pytest.mark.parametrize("name", SMOOTH)
def test_whatever_bends_the_output_is_caught_in_the_layer_before_it_and_only_there(name):
    case = case_of(SMOOTH[name])
    reasons = not_affine(case.model, case.inputs, weight_layers(case.model))
    assert list(reasons) == ["first"] and "not affine in this weight" in reasons["first"]


@pytest.mark.parametrize("name", SMOOTH)
def test_auto_agrees_with_the_dense_hessian_and_says_what_it_picked(name):
    case = case_of(SMOOTH[name])
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    found = directional_curvature(case.model, case.loss, [case.batch], directions)
    assert {layer: c.engine for layer, c in found.items()} == {
        "first": "double_backward",
        "second": "ggn",
        "head": "ggn",
    }
    for layer in layers:
        expected = directional_curvatures(case, layer, directions[layer.name]).detach()
        assert_close(found[layer.name].curvatures, expected, 1e-8, 1e-12, layer.name)


def test_the_ggn_engine_is_refused_where_it_would_be_wrong_and_wrong_it_would_be():
    case = case_of(SMOOTH["functional_gelu"])
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    with pytest.raises(InputError, match="layer first: the ggn engine is not exact here"):
        directional_curvature(case.model, case.loss, [case.batch], directions, "ggn")
    visitor = GGNCurvature(layers, directions)
    sweep(case.model, case.loss, [case.batch], layers, [visitor])
    exact = directional_curvatures(case, layers[0], directions["first"])
    assert ((visitor.result()["first"].curvatures - exact) / exact).abs().max() > 0.01
