import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import LambdaLR

from layercurv.errors import InputError
from layercurv.models.transformers_import import transformers
from layercurv.optim import SpectralNewton, spectral_groups
from tests.compare import assert_close
from tests.optim.networks import assert_same_parameters, backward, convolutional, linear, take_steps

SETTINGS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "weight_decay": {"momentum": 0.5, "weight_decay": 0.1},
    "polar": {"momentum": 0.9, "alpha": 1.0, "damping": 0.0},
    "between": {"momentum": 0.9, "alpha": 1.5},
}


def newton(model, lr=0.05, alpha=2.0, damping=0.1, adamw=None, **options):
    adamw = adamw or {"lr": 0.01, "weight_decay": 0.02}
    return SpectralNewton(spectral_groups(model, alpha, adamw=adamw, damping=damping, **options), lr=lr)


def by_svd(gradient, alpha, damping):
    matrix = gradient.double().numpy().reshape(len(gradient), -1)
    left, sigma, right_t = np.linalg.svd(matrix, full_matrices=False)
    return torch.from_numpy(left * (sigma / (sigma**alpha + damping)) @ right_t).reshape(gradient.shape)


@pytest.mark.parametrize("alpha", [1, 1.5, 2])
def test_three_steps_equal_the_recurrence_written_out_with_a_full_svd(alpha):
    model, lr, mu, decay = convolutional().double(), 0.05, 0.9, 0.3
    optimizer = newton(model, lr, alpha, 0.1, momentum=mu, nesterov=True, weight_decay=decay)
    layers = [model[0].weight, model[3].weight, model[5].weight]
    W, b = [layer.detach().clone() for layer in layers], [0.0] * 3
    for step in range(3):
        backward(model, step)
        for i, layer in enumerate(layers):
            b[i] = mu * b[i] + layer.grad
            W[i] = W[i] * (1 - lr * decay) - lr * by_svd(layer.grad + mu * b[i], alpha, 0.1)
        optimizer.step()
        for layer, expected in zip(layers, W, strict=True):
            assert_close(layer, expected, 1e-9, 1e-12)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
def test_huge_damping_is_sgd_with_momentum(options, alpha):
    eta, damping = 0.1, 1e9
    newton_model, sgd_model = linear().double(), linear().double()
    take_steps(newton_model, newton(newton_model, eta * damping, alpha, damping, **options), range(10))
    take_steps(sgd_model, SGD(sgd_model.parameters(), lr=eta, **options), range(10))
    for found, expected in zip(newton_model.parameters(), sgd_model.parameters(), strict=True):
        # sigma^alpha / d is below 1e-8; ten steps move the weights by about one.
        assert_close(found, expected, 1e-7, 1e-7)


def test_alpha_one_without_damping_moves_along_the_polar_factor():
    model = linear().double()
    before = model[0].weight.detach().clone()
    take_steps(model, newton(model, 0.5, 1, 0.0), [0])
    step = (before - model[0].weight) / 0.5
    left, sigma, right_t = torch.linalg.svd(model[0].weight.grad)
    n_directions = int((sigma > 1e-12).sum())
    assert_close(step, left[:, :n_directions] @ right_t[:n_directions], 1e-8, 1e-10)


def test_groups_that_are_not_spectral_equal_adamw_bit_for_bit():
    options = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}
    ours, theirs = convolutional(), convolutional()
    take_steps(ours, SpectralNewton([{"params": ours.parameters(), "spectral": False}], **options), range(5))
    take_steps(theirs, AdamW(theirs.parameters(), **options), range(5))
    assert_same_parameters(ours, theirs)


def test_biases_beside_spectral_layers_equal_adamw_given_the_same_gradients():
    model = convolutional()
    optimizer = newton(model, adamw={"lr": 0.01, "weight_decay": 0.3})
    bias = nn.Parameter(model[5].bias.detach().clone())
    adamw = AdamW([bias], lr=0.01, weight_decay=0.3)
    for step in range(4):
        backward(model, step)
        bias.grad = model[5].bias.grad.clone()
        optimizer.step()
        adamw.step()
    assert torch.equal(model[5].bias, bias)


@pytest.mark.parametrize("stop_after", [0, 1, 4])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_run_resumed_from_a_file_repeats_an_uninterrupted_one_bit_for_bit(setting, stop_after, tmp_path):
    whole = convolutional()
    take_steps(whole, newton(whole, **SETTINGS[setting]), range(6))
    first = convolutional()
    optimizer = newton(first, **SETTINGS[setting])
    take_steps(first, optimizer, range(stop_after))
    torch.save({"model": first.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    second = convolutional(seed=1)
    resumed = newton(second, lr=7.0, alpha=3.0)
    second.load_state_dict(state["model"])
    resumed.load_state_dict(state["optimizer"])
    take_steps(second, resumed, range(stop_after, 6))
    assert_same_parameters(second, whole)


def test_a_schedule_scales_the_rate_of_both_kinds_of_groups():
    scheduled, by_hand = convolutional(), convolutional()
    optimizer = newton(scheduled, momentum=0.9)
    take_steps(scheduled, optimizer, range(4), LambdaLR(optimizer, lambda step: 1 / (step + 1)))
    optimizer = newton(by_hand, momentum=0.9)
    for step in range(4):
        for group in optimizer.param_groups:
            group["lr"] = (0.05 if group["spectral"] else 0.01) * (1 / (step + 1))
        take_steps(by_hand, optimizer, [step])
    assert_same_parameters(scheduled, by_hand)


def test_gradients_overwritten_in_place_leave_the_momentum_alone():
    fresh, in_place = linear(), linear()
    take_steps(fresh, newton(fresh, momentum=0.9), range(3))
    optimizer, weights = newton(in_place, momentum=0.9), list(in_place.parameters())
    buffers = [torch.zeros_like(weight) for weight in weights]
    for step in range(3):
        backward(in_place, step)
        for weight, buffer in zip(weights, buffers, strict=True):
            weight.grad = buffer.copy_(weight.grad)
        optimizer.step()
    assert_same_parameters(in_place, fresh)


def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned():
    ours, expected = convolutional(), convolutional()
    assert newton(ours).step(lambda: backward(ours, 3)) == backward(expected, 3)
    newton(expected).step()
    assert_same_parameters(ours, expected)
    assert newton(ours).step() is None


def test_the_rate_and_alpha_of_a_group_are_its_own():
    model = linear()
    groups = spectral_groups(model, {"0": 1.0, "2": 2.0}, damping=0.1)
    groups[0]["lr"] = 0.0
    before = [parameter.detach().clone() for parameter in model.parameters()]
    take_steps(model, SpectralNewton(groups, lr=0.5), [0])
    assert torch.equal(model[0].weight, before[0])
    assert_close(before[1] - model[2].weight, 0.5 * by_svd(model[2].weight.grad, 2.0, 0.1), 1e-4, 1e-6)


def test_a_transposed_layer_moves_like_its_linear_twin():
    torch.manual_seed(0)
    twin, held = nn.Linear(4, 6), transformers.pytorch_utils.Conv1D(nf=6, nx=4)
    held.weight.data, held.bias.data = twin.weight.detach().T.contiguous(), twin.bias.detach().clone()
    inputs = torch.randn(8, 4)
    for module in (twin, held):
        optimizer = newton(module, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            module(inputs).square().sum().backward()
            optimizer.step()
    assert_close(held.weight.T, twin.weight, 1e-5, 1e-6)


def test_channels_last_kernels_move_like_contiguous_ones():
    contiguous, channels_last = convolutional(), convolutional().to(memory_format=torch.channels_last)
    for model in (contiguous, channels_last):
        take_steps(model, newton(model, momentum=0.9), range(3))
    for found, expected in zip(channels_last.parameters(), contiguous.parameters(), strict=True):
        assert_close(found, expected, 1e-4, 1e-5)


def test_parameters_without_gradient_stay():
    model = convolutional()
    model[0].weight.requires_grad_(False)
    model[5].bias.requires_grad_(False)
    before = [model[0].weight.clone(), model[5].bias.clone()]
    take_steps(model, newton(model, weight_decay=0.5), range(2))
    assert torch.equal(model[0].weight, before[0]) and torch.equal(model[5].bias, before[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1e-3}, "lr: expected a number that is not negative, got -0.001"),
        ({"lr": float("nan")}, "lr: expected"),
        ({"damping": -0.1}, "damping: expected a number that is not negative"),
        ({"momentum": -0.9}, "momentum: expected"),
        ({"weight_decay": -1}, "weight_decay: expected"),
        ({"eps": -1e-8}, "eps: expected"),
        ({"alpha": -0.1}, "alpha: expected a number that is not negative, got -0.1"),
        ({"alpha": float("inf")}, "alpha: expected a number that is not negative, got inf"),
        ({"alpha": True}, "alpha: expected a number that is not negative, got True"),
        ({"lr": "0.1"}, "lr: expected a number that is not negative, got '0.1'"),
        ({"damping": None}, "damping: expected a number that is not negative, got None"),
        ({"betas": (0.9, 1.0)}, "betas: expected two numbers"),
        ({"betas": (0.9,)}, "betas: expected two numbers"),
        ({"betas": 0.9}, "betas: expected two numbers"),
        ({"nesterov": True}, "nesterov: expected a momentum above 0"),
    ],
)
def test_options_out_of_range_are_refused_whether_default_or_in_a_group(options, message):
    parameter = nn.Parameter(torch.ones(2, 3))
    with pytest.raises(InputError, match=f"spectral parameter group, {message}"):
        SpectralNewton([parameter], **({"lr": 0.1} | options))
    with pytest.raises(InputError, match=f"layer fc, {message}"):
        SpectralNewton([{"params": [parameter], "name": "fc", **options}], lr=0.1)


def test_a_refused_group_leaves_the_optimiser_as_it_was():
    optimizer = SpectralNewton([nn.Parameter(torch.ones(2, 3))], lr=0.1)
    with pytest.raises(InputError, match=r"two or more dimensions, got shape \(4,\)"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.ones(4))]})
    assert len(optimizer.param_groups) == 1


def test_sparse_and_infinite_gradients_are_refused_with_their_layer():
    embedding = nn.Embedding(5, 3, sparse=True)
    embedding(torch.tensor([1, 2])).sum().backward()
    for spectral in (True, False):
        with pytest.raises(InputError, match="dense gradients, got a sparse one"):
            SpectralNewton([{"params": embedding.parameters(), "spectral": spectral}], lr=0.1).step()
    model = convolutional()
    backward(model, 0)
    model[3].weight.grad[0, 0] = torch.nan
    optimizer, before = newton(model), [parameter.clone() for parameter in model.parameters()]
    with pytest.raises(InputError, match="layer 3: expected a finite gradient"):
        optimizer.step()
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True)) and not optimizer.state


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_the_benchmarks_full_svd_takes_the_same_steps(alpha):
    rival = pytest.importorskip("benchmarks.optimizer_steps").FullSVD
    ours, theirs = convolutional().double(), convolutional().double()
    for model, optimizer in ((ours, SpectralNewton), (theirs, rival)):
        groups = spectral_groups(model, alpha, damping=0.1, momentum=0.9, nesterov=True)
        take_steps(model, optimizer(groups, lr=0.05), range(3))
    for found, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(found, expected, 1e-8, 1e-10)


@pytest.mark.parametrize("setting", SETTINGS)
def test_it_trains(setting):
    model = convolutional()
    optimizer = newton(model, 0.02, **SETTINGS[setting])
    first = float(backward(model, 0))
    take_steps(model, optimizer, itertools.repeat(0, 60))
    assert float(backward(model, 0)) < 0.5 * first
