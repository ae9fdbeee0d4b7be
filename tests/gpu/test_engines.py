"""Every engine on a GPU against double backpropagation in float64 on the CPU; the same functions run on the CPU too."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend

from benchmarks.resnet50_goal import measured
from layercurv.curvature import (
    CrossEntropy,
    DirectionalMoments,
    KroneckerFactors,
    directional_curvature,
    gradient_directions,
    mean_gradients,
    sweep,
    weight_layers,
)
from layercurv.curvature.measuring import measuring
from tests.cases import make_case
from tests.compare import assert_close

NO_GPU = "torch sees no CUDA device" if not torch.cuda.is_available() else ""
DEVICES = [pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(bool(NO_GPU), reason=NO_GPU)]), "cpu"]
# Relative to a layer's largest. Products in TF32 keep 10 bits, 5e-4 each: that would not pass.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 5e-5}


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix, self.head = nn.Linear(8, 24), nn.Linear(8, 5)

    def forward(self, x):
        query, key, value = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.mix(x).chunk(3, -1))
        mixed = nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return self.head(nn.functional.gelu(x + mixed).mean(1))


def attention():
    torch.manual_seed(3)
    return Attention().double().eval(), CrossEntropy(), (torch.randn(6, 7, 8).double(), torch.randint(5, (6,)))


def case(name):
    if name == "attention":
        return attention()
    made = make_case(name)
    return made.model, made.loss, made.batch


def reference(name):
    model, loss, batch = case(name)
    layers = weight_layers(model)
    directions = gradient_directions(model, loss, [batch], layers, 3)
    return directions, directional_curvature(model, loss, [batch], directions, "double_backward")


def on_device(name, device, dtype):
    model, loss, batch = case(name)
    moved = copy.deepcopy(model).to(device, dtype)
    x, y = (part.to(device) for part in batch)
    return moved, loss, (x.to(dtype) if x.is_floating_point() else x, y.to(dtype) if y.is_floating_point() else y)


def close(found, expected, dtype, what):
    largest = float(expected.abs().max())
    assert_close(found.cpu(), expected, 0, TOLERANCES[dtype] * largest, what)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", list(TOLERANCES), ids=["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("residual_convolutions", "ggn"),
        ("residual_convolutions", "tangent"),
        ("residual_convolutions", "double_backward"),
        ("grouped_convolutions", "ggn"),
        ("attention", "tangent"),
        ("attention", "double_backward"),
    ],
)
def test_an_engine_gives_the_curvature_of_float64_on_the_cpu(device, dtype, name, engine):
    directions, expected = reference(name)
    model, loss, batch = on_device(name, device, dtype)
    moved = {layer: (d.left.to(device), d.right.to(device)) for layer, d in directions.items()}
    found = directional_curvature(model, loss, [batch], moved, engine)
    for layer, curvature in expected.items():
        assert found[layer].engine == engine
        close(found[layer].curvatures, curvature.curvatures, dtype, f"{name}, {layer}")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", list(TOLERANCES), ids=["float64", "float32"])
def test_gradients_factors_and_moments_are_those_of_float64_on_the_cpu(device, dtype):
    found, expected = (
        collected("residual_convolutions", *place) for place in ((device, dtype), ("cpu", torch.float64))
    )
    for key, value in expected.items():
        close(found[key], value, dtype, key)


def collected(name, device, dtype):
    model, loss, batch = on_device(name, device, dtype)
    layers, directions = weight_layers(model), reference(name)[0]
    on = {layer: type(d)(**{key: part.to(device) for key, part in vars(d).items()}) for layer, d in directions.items()}
    factors, moments = KroneckerFactors(layers), DirectionalMoments(layers, on)
    sweep(model, loss, [batch], layers, [factors, moments])
    gradients = mean_gradients(model, loss, [batch], layers)
    result = {f"gradient of {layer}": G for layer, G in gradients.items()}
    for layer in gradients:
        result |= {f"{kind} of {layer}": factor for kind, factor in factors.factors(layer).items()}
        result[f"second moment of {layer}"] = moments.result()[layer].second_moment
    return result


@pytest.mark.parametrize("device", DEVICES)
def test_reduced_precision_and_fast_attention_are_off_while_measuring_and_as_they_were_after(device, monkeypatch):
    model, *_ = on_device("attention", device, torch.float32)
    torch.set_float32_matmul_precision("high")
    try:
        with measuring(model, weight_layers(model)):
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
            assert torch.backends.cuda.math_sdp_enabled() and not torch.backends.cuda.flash_sdp_enabled()
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.backends.cuda.flash_sdp_enabled() and SDPBackend.MATH is not None


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_call_gives_the_same_bits_under_deterministic_algorithms(device):
    torch.use_deterministic_algorithms(True)
    try:
        runs = [of_layers("residual_convolutions", device) for _ in range(2)]
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(runs[0][layer], runs[1][layer]) for layer in runs[0])


def of_layers(name, device):
    model, loss, batch = on_device(name, device, torch.float32)
    directions = gradient_directions(model, loss, [batch], weight_layers(model), 3)
    found = directional_curvature(model, loss, [batch], directions)
    return {layer: curvature.curvatures for layer, curvature in found.items()}


@pytest.mark.parametrize("device", DEVICES)
def test_the_goals_benchmark_measures_all_layers(device):
    small = {"image_size": 32, "width": 2, "n_classes": 5, "top_k": 2, "limit_s": 1e9}
    found = measured(torch.device(device), n_samples=4, micro_batch=2, **small)
    assert found.n_layers == 54 and found.n_measured == 4 and found.seconds > 0
