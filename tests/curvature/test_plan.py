"""Which engine measures what: `ggn` only where it is exact, and of what is exact the cheapest."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from layercurv.curvature import (
    CrossEntropy,
    GGNCurvature,
    TracedNetwork,
    directional_curvature,
    gradient_directions,
    sweep,
    weight_layers,
)
from layercurv.curvature.cost import Estimate, cheapest, plan
from layercurv.errors import InputError
from layercurv.models import resnet18_cifar
from tests.cases import PIECEWISE_LINEAR, Case, make_case
from tests.compare import assert_close
from tests.reference.affine import bends
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
    z = z.reshape(-1, 2, 2)
    return ((z @ z.mT).softmax(2) @ z).flatten(1)


SMOOTH = {
    "functional_gelu": lambda _net, z: F.gelu(z),
    "elu": lambda _net, z: F.elu(z),
    "elu_where_it_is_straight": lambda _net, z: F.elu(z.abs() + 1),
    "silu": lambda _net, z: F.silu(z),
    "tanh": lambda _net, z: z.tanh(),
    "gate": lambda _net, z: z * z.sigmoid(),
    "square": lambda _net, z: z * z,
    "layer_norm": lambda _net, z: F.layer_norm(z, (4,)),
    "group_norm": lambda _net, z: F.group_norm(z, 2),
    "attention": attention,
    "tied_weight": lambda net, z: F.linear(z, net.first.weight),
}
KINKED = {
    "relu": lambda _net, z: F.relu(z),
    "relu_in_place": lambda _net, z: F.relu(z, inplace=True),
    "leaky_relu": lambda _net, z: F.leaky_relu(z, 0.1),
    "abs": lambda _net, z: z.abs(),
    "hardtanh": lambda _net, z: F.hardtanh(z),
    "max_pool": lambda _net, z: F.max_pool1d(z.unsqueeze(1), 2).squeeze(1).repeat(1, 2),
    "dropout_in_eval_mode": lambda _net, z: F.dropout(z, 0.5, training=False),
    "residual": lambda _net, z: z + F.relu(z),
    "gate_that_is_detached": lambda _net, z: z * z.detach().sigmoid(),
    "mask": lambda _net, z: torch.where(z > 0, z, 0.5 * z),
}


def case_of(between) -> Case:
    torch.manual_seed(2)
    model = Net(between).double().eval()
    return Case("net", model, CrossEntropy(), torch.randn(5, 4).double(), torch.randint(0, 3, (5,)))


def plan_of(case: Case, engine: str = "auto", top_k: int = 3):
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k)
    return plan(TracedNetwork(case.model, layers).at(case.inputs), case.loss, directions, engine)


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_piecewise_linear_networks_pass(name):
    case = make_case(name)
    assert plan_of(case).reasons == {}
    assert not any(bends(case.model, case.inputs, layer) for layer in weight_layers(case.model))


def test_resnet18_passes_in_float32():
    model = resnet18_cifar(width=4, n_classes=10).eval()
    case = Case("resnet18", model, CrossEntropy(), torch.randn(2, 3, 8, 8), torch.tensor([0, 1]))
    found = plan_of(case)
    assert found.reasons == {} and "ggn" in found.engines.values()


@pytest.mark.parametrize("name", KINKED)
def test_functions_with_kinks_pass(name):
    case = case_of(KINKED[name])
    assert plan_of(case).reasons == {}
    assert not any(bends(case.model, case.inputs, layer) for layer in weight_layers(case.model))


@pytest.mark.parametrize("name", SMOOTH)
def test_whatever_bends_the_output_is_caught_in_the_layer_before_it_and_only_there(name):
    case = case_of(SMOOTH[name])
    assert list(plan_of(case).reasons) == ["first"]
    bent = [layer.name for layer in weight_layers(case.model) if bends(case.model, case.inputs, layer)]
    assert bent == ([] if name == "elu_where_it_is_straight" else ["first"])


@pytest.mark.parametrize("name", SMOOTH)
def test_auto_agrees_with_the_dense_hessian_and_says_what_it_picked(name):
    case = case_of(SMOOTH[name])
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    found = directional_curvature(case.model, case.loss, [case.batch], directions)
    assert found["first"].engine == "tangent"
    for layer in layers:
        expected = directional_curvatures(case, layer, directions[layer.name])
        assert_close(found[layer.name].curvatures, expected, 1e-8, 1e-12, layer.name)


def test_the_ggn_engine_is_refused_where_it_would_be_wrong_and_wrong_it_would_be():
    case = case_of(SMOOTH["functional_gelu"])
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    with pytest.raises(InputError, match=r"layer first: the ggn engine is not exact here: aten\.gelu"):
        directional_curvature(case.model, case.loss, [case.batch], directions, "ggn")
    visitor = GGNCurvature(layers, directions)
    sweep(case.model, case.loss, [case.batch], layers, [visitor])
    exact = directional_curvatures(case, layers[0], directions["first"])
    assert visitor.result()["first"].curvatures.isnan().all()
    assert ((visitor.result()["first"].ggn - exact) / exact).abs().max() > 0.01


def test_the_ggn_value_of_a_smooth_network_is_the_one_of_both_engines():
    case = case_of(SMOOTH["functional_gelu"])
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    visitor = GGNCurvature(layers, directions)
    sweep(case.model, case.loss, [case.batch], layers, [visitor])
    found = directional_curvature(case.model, case.loss, [case.batch], directions, "tangent")
    for name, curvature in found.items():
        assert_close(curvature.ggn, visitor.result()[name].ggn, 1e-10, 1e-16, name)


def test_an_operation_without_a_rule_leaves_the_layers_before_it_to_the_reference():
    case = case_of(lambda _net, z: torch.special.erfcx(z))
    found = plan_of(case)
    assert found.engines["first"] == "double_backward" and "no rule for aten.special_erfcx" in found.reasons["first"]
    assert "double_backward" not in (found.engines["second"], found.engines["head"])
    with pytest.raises(InputError, match="layer first: the tangent engine is not exact here: there is no rule for"):
        plan_of(case, "tangent")


def test_statistics_of_a_normalisation_that_are_used_themselves_have_no_rule():
    def by_its_spread(_net, z):
        normal, _, r = torch.native_layer_norm(z, (4,), None, None, 1e-5)
        return normal * r

    found = plan_of(case_of(by_its_spread))
    assert found.engines["first"] == "double_backward" and "statistics in use" in found.reasons["first"]


def test_many_directions_speak_for_ggn_and_few_for_tangent():
    torch.manual_seed(0)
    for n_classes, top_k, engine in ((2, 16, "ggn"), (16, 1, "tangent")):
        blocks = (nn.Sequential(nn.Linear(16, 16), nn.ReLU()) for _ in range(6))
        model = nn.Sequential(*blocks, nn.Linear(16, n_classes)).double()
        case = Case("deep", model, CrossEntropy(), torch.randn(8, 16).double(), torch.randint(0, n_classes, (8,)))
        assert set(plan_of(case, top_k=top_k).engines.values()) == {engine}


costs = st.floats(0.1, 100.0)


@given(st.lists(st.tuples(costs, costs, costs), min_size=1, max_size=6), costs, st.booleans())
def test_the_choice_is_the_best_of_all_subsets(rows, forward, runs_anyway):
    columns = sorted((row[0] for row in rows), reverse=True)  # the first layer lies deepest
    estimates = {str(i): Estimate(c, row[1], row[2]) for i, (c, row) in enumerate(zip(columns, rows, strict=True))}

    def total(by_ggn):
        once = forward if runs_anyway or set(by_ggn) != set(estimates) else 0.0
        each = (e.projections if name in by_ggn else e.tangents for name, e in estimates.items())
        return max((estimates[name].columns for name in by_ggn), default=0.0) + once + sum(each)

    subsets = itertools.chain.from_iterable(itertools.combinations(estimates, n) for n in range(len(estimates) + 1))
    best = min(total(subset) for subset in subsets)
    assert total(cheapest(estimates, forward, runs_anyway)) == pytest.approx(best)
