"""A weight's use on the tape: products along directions against im2col by hand, for every kind of layer."""

import pytest
import torch
from torch import nn

from layercurv.curvature import (
    AlignmentMoments,
    CrossEntropy,
    GGNCurvature,
    KroneckerFactors,
    gradient_directions,
    sweep,
    weight_layers,
)
from layercurv.curvature.recording import record
from layercurv.curvature.uses import AppliedLayer, single_use
from tests.cases import make_case
from tests.compare import assert_close

CONVOLUTIONS = {
    "conv1d": (nn.Conv1d(2, 3, 3, stride=2, padding=1), (2, 9)),
    "conv1d_same": (nn.Conv1d(2, 3, 4, padding="same"), (2, 9)),
    "conv2d": (nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(1, 0), dilation=(2, 1)), (2, 7, 6)),
    "conv2d_reflect": (nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"), (2, 5, 5)),
    "grouped": (nn.Conv2d(4, 6, 3, padding=1, groups=2), (4, 5, 4)),
    "depthwise": (nn.Conv2d(4, 8, 3, stride=2, groups=4), (4, 7, 7)),
    "conv3d": (nn.Conv3d(2, 3, 2, padding=1, groups=1), (2, 3, 4, 3)),
}


def applied(module, shape):
    torch.manual_seed(0)
    module, inputs = module.double().eval(), torch.randn(3, *shape).double()
    (layer,) = weight_layers(module)
    tape = record(module, inputs)
    use = single_use(tape, layer)
    values = tape.replay(inputs, [use.input, use.output])
    return layer, AppliedLayer(use, values[use.input], 3), values[use.output], inputs


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_patches_times_weight_are_the_convolution(name):
    layer, at, outputs, _ = applied(*CONVOLUTIONS[name])
    patches = at.input_columns()  # [N, groups, L, n]
    W = layer.to_matrix(layer.weight).unflatten(0, (patches.shape[1], -1))  # [groups, m / groups, n]
    expected = at.output_columns(outputs - layer.module.bias.reshape(-1, *[1] * (outputs.dim() - 2)))
    assert_close(torch.einsum("gon,Ngln->Nglo", W, patches), expected, 1e-10, 1e-12, name)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_projections_and_tangents_are_those_of_the_patches(name):
    layer, at, outputs, inputs = applied(*CONVOLUTIONS[name])
    (m, n), K = layer.shape, 2
    left, right = torch.randn(m, K).double(), torch.randn(n, K).double()
    patches, d = at.input_columns(), torch.randn_like(outputs)
    groups = patches.shape[1]
    va = torch.einsum("Ngln,nk->Nlgk", patches, right).flatten(1, 2)
    assert_close(at.project_inputs(right), va, 1e-10, 1e-12, name)
    ud = torch.einsum("Nglo,gok->Nlgk", at.output_columns(d), left.unflatten(0, (groups, -1))).flatten(1, 2)
    assert_close(at.project_outputs(d, left), ud, 1e-10, 1e-12, name)
    tangents = at.use.output_tangents(at.inputs, left, right)
    for k in range(K):
        with torch.no_grad():
            before = layer.weight.clone()
            layer.weight.copy_(layer.from_matrix(torch.outer(left[:, k], right[:, k])))
            bias = layer.module.bias.reshape(-1, *[1] * (outputs.dim() - 2))
            expected = layer.module(inputs) - bias
            layer.weight.copy_(before)
        assert_close(tangents[k], expected, 1e-10, 1e-12, name)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.depthwise = nn.Conv2d(2, 4, 3, padding=1, groups=2), nn.Conv2d(4, 4, 3, groups=4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.depthwise(self.first(x).relu()).relu().mean((2, 3)))


def test_factors_of_a_grouped_convolution_are_the_mean_over_groups_of_padded_gradients():
    torch.manual_seed(1)
    model, inputs = Grouped().double().eval(), torch.randn(4, 2, 6, 6).double()
    batch, layers = (inputs, torch.tensor([0, 1, 2, 0])), weight_layers(model, ["first"])
    directions = gradient_directions(model, CrossEntropy(), [batch], layers, 3)
    factors, moments = KroneckerFactors(layers), AlignmentMoments(layers, directions)
    sweep(model, CrossEntropy(), [batch], layers, [factors, moments])
    assert factors.n_positions["first"] == 2 * 36
    spectra, found = factors.spectra("first", directions["first"]), moments.result("first")
    for kind in ("empirical", "ggn"):
        assert_close(found[kind].output_moment, spectra[kind]["rayleigh"], 1e-10, 1e-18, kind)
        assert_close(found[kind].input_moment, spectra["A"]["rayleigh"], 1e-10, 1e-18, kind)


@pytest.mark.parametrize("name", ["relu_mlp", "positions", "residual_convolutions", "deep_linear"])
def test_chi_is_concentration_times_sud(name):
    case = make_case(name)
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, 3)
    curvatures, moments = GGNCurvature(layers, directions), AlignmentMoments(layers, directions)
    factors = KroneckerFactors(layers)
    sweep(case.model, case.loss, case.micro_batches(2), layers, [curvatures, moments, factors])
    for layer, h in curvatures.result().items():
        spectra = factors.spectra(layer, directions[layer])
        found = moments.result(layer)["ggn"]
        product = found.n_positions * spectra["ggn"]["rayleigh"] * spectra["A"]["rayleigh"]
        scale = product.max().item()
        assert_close(found.chi * product, h.curvatures, 1e-9, 1e-12 * scale, layer)
        if found.n_positions == 1:
            assert_close(found.sud, torch.ones(len(found.sud)), 1e-12, what=f"{layer}: one position has no sum")


def test_reduce_factors_equal_a_loop_over_samples():
    case = make_case("residual_convolutions")
    layers = weight_layers(case.model)
    factors = KroneckerFactors(layers, "reduce")
    sweep(case.model, case.loss, case.micro_batches(2), layers, [factors])
    _, _, at, _ = conv_at(case)
    a = at.input_columns().mean(2).flatten(0, 1)  # [N, n]
    found = factors.factors("conv")
    assert_close(found["A"], a.T @ a / len(a), 1e-10, 1e-14)
    expected = torch.zeros(4, 4).double()
    outputs = {}
    case.model.conv.register_forward_hook(lambda _m, _a, output: outputs.update(z=output))
    for x, y in case.micro_batches(1):
        loss = torch.nn.functional.cross_entropy(case.model(x), y)
        (d,) = torch.autograd.grad(loss, outputs["z"])
        expected += torch.outer(d.sum((0, 2, 3)), d.sum((0, 2, 3)))
    assert_close(found["empirical"], expected / len(case.inputs), 1e-10, 1e-16)


def conv_at(case):
    tape = record(case.model, case.inputs)
    (layer,) = weight_layers(case.model, ["conv"])
    use = single_use(tape, layer)
    values = tape.replay(case.inputs, [use.input, use.output])
    return layer, use, AppliedLayer(use, values[use.input], len(case.inputs)), values[use.output]
