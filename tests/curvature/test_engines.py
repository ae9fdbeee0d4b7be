import pytest
import torch
from torch import nn

from layercurv.curvature import (
    CrossEntropy,
    GGNCurvature,
    KroneckerFactors,
    directional_curvature,
    gradient_directions,
    mean_gradients,
    sweep,
    weight_layers,
)
from tests.cases import PIECEWISE_LINEAR, Case, make_case
from tests.compare import assert_close
from tests.reference.dense import directional_curvatures

ENGINES = ("double_backward", "ggn", "tangent")


def directions_of(case: Case, top_k: int = 4):
    return gradient_directions(case.model, case.loss, [case.batch], weight_layers(case.model), top_k)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_engines_agree_with_the_dense_hessian(name, engine):
    case = make_case(name)
    directions = directions_of(case)
    found = directional_curvature(case.model, case.loss, case.micro_batches(2), directions, engine)
    for layer in weight_layers(case.model):
        expected = directional_curvatures(case, layer, directions[layer.name])
        scale = expected.detach().abs().max().item()
        assert_close(found[layer.name].curvatures, expected, 1e-8, 1e-12 * scale, f"{engine}, layer {layer.name!r}")


@pytest.mark.parametrize("engine", ENGINES)
def test_linear_regression_curvature_is_the_input_second_moment(engine):
    # L = mean_i |W x_i - y_i|^2 / 2, so vec(uv^T)^T H vec(uv^T) = |u|^2 v^T E[x x^T] v.
    case = make_case("linear_regression")
    directions = directions_of(case)[""]
    second_moment = case.inputs.T @ case.inputs / len(case.inputs)
    expected = torch.einsum("nk,nj,jk->k", directions.right, second_moment, directions.right)
    found = directional_curvature(case.model, case.loss, [case.batch], {"": directions}, engine)
    assert_close(found[""].curvatures, expected, 1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_curvature_agrees_with_finite_differences(engine):
    # Central second difference: truncation ~ step^2 * f''''/12, rounding ~ 4 eps |f| / step^2; at step = 1e-3 in
    # float64 both lie below 1e-6 of h here. No ReLU kink is crossed: that would show as an error of order 1.
    case = make_case("residual_convolutions")
    layers, step = weight_layers(case.model), 1e-3
    directions = directions_of(case, top_k=2)
    found = directional_curvature(case.model, case.loss, [case.batch], directions, engine)

    def mean_loss():
        with torch.no_grad():
            return case.loss.sum_loss(case.model(case.inputs), case.targets) / len(case.inputs)

    for layer in layers:
        for k, (u, v) in enumerate(zip(directions[layer.name].left.T, directions[layer.name].right.T, strict=True)):
            D, middle = torch.outer(u, v).reshape(layer.weight.shape), mean_loss()
            layer.weight.data.add_(step * D)
            above = mean_loss()
            layer.weight.data.sub_(2 * step * D)
            below = mean_loss()
            layer.weight.data.add_(step * D)
            second_difference = (above - 2 * middle + below) / step**2
            assert_close(found[layer.name].curvatures[k], second_difference, 1e-4, 1e-8, layer.name)


def test_engines_agree_with_curvlinops():
    curvlinops = pytest.importorskip("curvlinops")
    case = make_case("relu_mlp")
    directions = directions_of(case)
    operators = (
        ("double_backward", curvlinops.HessianLinearOperator),
        ("tangent", curvlinops.HessianLinearOperator),
        ("ggn", curvlinops.GGNLinearOperator),
    )
    for engine, operator in operators:
        found = directional_curvature(case.model, case.loss, [case.batch], directions, engine)
        for layer in weight_layers(case.model):
            block = operator(case.model, nn.CrossEntropyLoss(), [layer.weight], [case.batch], check_deterministic=False)
            D = torch.einsum("mk,nk->kmn", directions[layer.name].left, directions[layer.name].right).flatten(1)
            expected = torch.stack([vector @ (block @ vector) for vector in D])
            assert_close(found[layer.name].curvatures, expected, 1e-8, 1e-14, layer.name)


def test_engines_agree_on_resnet18():
    from layercurv.models import resnet18_cifar

    torch.manual_seed(0)
    model = resnet18_cifar(width=4, n_classes=10).double().eval()
    case = Case("resnet18", model, CrossEntropy(), torch.randn(4, 3, 8, 8).double(), torch.randint(0, 10, (4,)))
    directions = directions_of(case, top_k=2)
    assert len(directions) == 21
    reference, *others = (directional_curvature(model, case.loss, [case.batch], directions, e) for e in ENGINES)
    for found in others:
        for name, expected in reference.items():
            assert_close(found[name].curvatures, expected.curvatures, 1e-8, 1e-14, name)


def test_micro_batches_of_any_size_give_the_mean_over_all_samples():
    case = make_case("residual_convolutions")
    layers, directions = weight_layers(case.model), directions_of(case)
    results = []
    for size in (5, 2, 1):  # 5 = 2 + 2 + 1: the last micro-batch is smaller
        visitors = GGNCurvature(layers, directions), KroneckerFactors(layers)
        sweep(case.model, case.loss, case.micro_batches(size), layers, visitors)
        results.append((visitors[0].result(), visitors[1]))
    for curvatures, factors in results[1:]:
        for layer in layers:
            first = results[0][0][layer.name]
            assert_close(curvatures[layer.name].curvatures, first.curvatures, 1e-12, 1e-16)
            assert_close(curvatures[layer.name].standard_errors, first.standard_errors, 1e-12, 1e-16)
            for key, factor in factors.factors(layer.name).items():
                assert_close(factor, results[0][1].factors(layer.name)[key], 1e-10, 1e-14)


@pytest.mark.parametrize("engine", ["ggn", "tangent"])
def test_contributions_per_sample_are_the_curvatures_and_slopes_of_each_sample_alone(engine):
    case = make_case("residual_convolutions")
    directions = directions_of(case)
    found = directional_curvature(case.model, case.loss, case.micro_batches(2), directions, engine, slopes=True)
    layers = weight_layers(case.model)
    for i, one in enumerate(case.micro_batches(1)):
        alone = directional_curvature(case.model, case.loss, [one], directions, "double_backward")
        gradients = mean_gradients(case.model, case.loss, [one], layers)
        for layer in layers:
            h, d = found[layer.name], directions[layer.name]
            scale = h.curvatures.max().item()
            assert_close(h.per_sample[i], alone[layer.name].curvatures, 1e-8, 1e-12 * scale, layer.name)
            along = torch.einsum("mk,mn,nk->k", d.left, gradients[layer.name], d.right)
            assert_close(h.slopes[i], along, 1e-8, 1e-12 * d.singular_values[0].item(), layer.name)
    for h in found.values():
        assert_close(h.standard_errors, h.per_sample.std(0) / len(case.inputs) ** 0.5, 1e-12)


def test_a_sweep_continued_from_its_state_gives_the_same_bits():
    case = make_case("residual_convolutions")
    layers, directions = weight_layers(case.model), directions_of(case)
    batches = case.micro_batches(2)
    whole = GGNCurvature(layers, directions)
    sweep(case.model, case.loss, batches, layers, [whole])
    first, second = GGNCurvature(layers, directions), GGNCurvature(layers, directions)
    sweep(case.model, case.loss, batches[:1], layers, [first])
    second.load_state_dict(first.state_dict())
    sweep(case.model, case.loss, batches, layers, [second], first=1)
    for name, expected in whole.result().items():
        assert torch.equal(second.result()[name].curvatures, expected.curvatures)


def test_weights_and_flags_are_left_as_they_were():
    case = make_case("relu_mlp")
    case.model[0].weight.requires_grad_(True)
    case.model[0].bias.requires_grad_(False)
    before = {name: p.clone() for name, p in case.model.state_dict().items()}
    directions = directions_of(case)
    directional_curvature(case.model, case.loss, [case.batch], directions, "ggn")
    assert case.model[0].weight.requires_grad and not case.model[0].bias.requires_grad
    assert all(torch.equal(before[name], p) for name, p in case.model.state_dict().items())
    assert not any(module._forward_hooks for module in case.model.modules())
