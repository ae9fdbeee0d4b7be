"""The dense Hessian against closed forms, finite differences and the per-layer reference."""

import itertools

import pytest
import torch
from torch import nn

from layercurv.curvature import CrossEntropy, SquaredError, weight_layers
from layercurv.curvature import dense as dense_module
from layercurv.curvature.dense import dense_hessian, hessian_spectrum, layer_blocks
from layercurv.errors import InputError
from tests.cases import make_case
from tests.compare import assert_close
from tests.reference.dense import layer_hessian

D_IN, HIDDEN, D_OUT = 5, 4, 6


def random_columns(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(rows, rows, generator=generator, dtype=torch.float64))[0][:, :columns]


def balanced_minimum(depth, singular_values):
    """A network at a balanced minimum, written down: every layer U_i S^(1/L) U_(i-1)^T; and data that are white."""
    widths = [D_IN, *[HIDDEN] * (depth - 1), D_OUT]
    root = torch.tensor(singular_values, dtype=torch.float64) ** (1 / depth)
    U = [random_columns(width, len(root), seed) for seed, width in enumerate(widths)]
    model = nn.Sequential(*[nn.Linear(m, n, bias=False).double() for m, n in itertools.pairwise(widths)])
    for i, layer in enumerate(model):
        layer.weight.data = U[i + 1] * root @ U[i].T
    inputs = D_IN**0.5 * torch.eye(D_IN, dtype=torch.float64)  # X^T X / N = I
    return model, inputs, model(inputs).detach()


def closed_form_spectrum(depth, singular_values, n_weights):
    """Eigenvalues at a balanced minimum of loss zero, from sum_i (W_L..W_(i+1)) dW (W_(i-1)..W_1) and its adjoint.

    With s padded by zeros to each side: sum_i s_a^(2(L-i)/L) s_b^(2(i-1)/L) for each output a and input b.
    """
    padded = [*singular_values, *[0.0] * max(D_IN, D_OUT)]
    nonzero = [
        sum(padded[a] ** (2 * (depth - i) / depth) * padded[b] ** (2 * (i - 1) / depth) for i in range(1, depth + 1))
        for a in range(D_OUT)
        for b in range(D_IN)
    ]
    return torch.tensor(sorted(nonzero, reverse=True) + [0.0] * (n_weights - D_IN * D_OUT), dtype=torch.float64)


@pytest.mark.parametrize("depth", [2, 3, 5, 7])
def test_at_the_balanced_minimum_the_clusters_are_at_depth_one_and_zero(depth):
    found = hessian_spectrum(dense_hessian(*with_loss(*balanced_minimum(depth, [1.0, 1.0]))))
    n_bulk = 2 * (D_IN - 2) + 2 * (D_OUT - 2)
    expected = [depth] * 4 + [1.0] * n_bulk + [0.0] * (len(found) - 4 - n_bulk)
    assert_close(found, expected, 1e-12, 1e-12)
    assert found[:4].mean() / found[4 : 4 + n_bulk].mean() == pytest.approx(depth, rel=1e-9)


def with_loss(model, inputs, targets):
    return model, SquaredError(), inputs, targets


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_unequal_singular_values_give_their_closed_form(depth):
    found = hessian_spectrum(dense_hessian(*with_loss(*balanced_minimum(depth, [1.7, 0.6, 0.3]))))
    expected = closed_form_spectrum(depth, [1.7, 0.6, 0.3], len(found)).sort(descending=True).values
    assert_close(found, expected, 1e-11, 1e-12)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_a_single_layer_s_block_has_no_second_cluster(depth):
    model, inputs, targets = balanced_minimum(depth, [1.0, 1.0])
    blocks = layer_blocks(dense_hessian(model, SquaredError(), inputs, targets), weight_layers(model))
    for name, block in blocks.items():
        found = hessian_spectrum(block)
        n_one = {"0": 2 * D_IN, str(depth - 1): 2 * D_OUT}.get(name, 4)
        assert_close(found, [1.0] * n_one + [0.0] * (len(found) - n_one), 1e-12, 1e-12)


@pytest.mark.parametrize("name", ["deep_linear", "relu_mlp", "residual_convolutions"])
def test_diagonal_blocks_are_those_of_brute_force_one_layer_at_a_time(name):
    case = make_case(name)
    layers = weight_layers(case.model)
    blocks = layer_blocks(dense_hessian(case.model, case.loss, *case.batch), layers)
    for layer in layers:
        assert_close(blocks[layer.name], layer_hessian(case, layer), 1e-9, 1e-12, layer.name)


def smooth_case():
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    return model, CrossEntropy(), torch.randn(6, 3, dtype=torch.float64), torch.randint(0, 2, (6,))


def test_products_agree_with_differences_of_gradients():
    model, loss, inputs, targets = smooth_case()
    H, weights = dense_hessian(model, loss, inputs, targets), [layer.weight for layer in weight_layers(model)]
    step = 1e-5  # central: truncation of order step^2 = 1e-10, rounding of order eps / step = 2e-11
    direction = torch.randn(len(H), dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def gradient_at(shift):
        start = torch.cat([w.detach().flatten() for w in weights])
        nn.utils.vector_to_parameters(start + shift * direction, weights)
        gradients = torch.autograd.grad(loss.sum_loss(model(inputs), targets) / len(inputs), weights)
        nn.utils.vector_to_parameters(start, weights)
        return torch.cat([g.flatten() for g in gradients])

    differences = (gradient_at(step) - gradient_at(-step)) / (2 * step)
    assert_close(H @ direction, differences, 1e-7, 1e-8)


def test_permuting_hidden_units_permutes_rows_and_leaves_the_spectrum():
    model, loss, inputs, targets = smooth_case()
    H = dense_hessian(model, loss, inputs, targets)
    order = torch.tensor([2, 0, 3, 1])
    model[0].weight.data, model[0].bias.data = model[0].weight.data[order], model[0].bias.data[order]
    model[2].weight.data = model[2].weight.data[:, order]
    first, second = torch.arange(12).view(4, 3)[order], 12 + torch.arange(8).view(2, 4)[:, order]
    rows = torch.cat([first.flatten(), second.flatten()])
    permuted = dense_hessian(model, loss, inputs, targets)
    assert_close(permuted, H[rows][:, rows], 1e-10, 1e-13)
    assert_close(hessian_spectrum(permuted), hessian_spectrum(H), 1e-10, 1e-13)


def test_it_is_symmetric_in_double_precision_and_leaves_the_network_alone():
    model, loss, inputs, targets = smooth_case()
    expected = dense_hessian(model, loss, inputs, targets)
    model, before = model.float(), [p.detach().float().clone() for p in model.parameters()]
    found = dense_hessian(model, loss, inputs.float(), targets)
    assert found.dtype == torch.float64 and not found.requires_grad
    assert_close(found, found.T, 1e-12, 1e-14)
    assert_close(found, expected, 1e-5, 1e-6)  # weights and inputs were rounded to float32, 6e-8
    assert all(torch.equal(p, q) and p.grad is None for p, q in zip(model.parameters(), before, strict=True))


def test_bad_requests_are_one_clear_error(monkeypatch):
    model, loss, inputs, targets = smooth_case()
    with pytest.raises(InputError, match="expected layers with 20 weights in all, got 12"):
        layer_blocks(dense_hessian(model, loss, inputs, targets), weight_layers(model, ["0"]))
    monkeypatch.setattr(dense_module, "MAX_WEIGHTS", 19)
    with pytest.raises(InputError, match="expected at most 19 weights, got 20"):
        dense_hessian(model, loss, inputs, targets)
    with pytest.raises(InputError, match="in eval mode"):
        dense_hessian(nn.Sequential(nn.Linear(3, 2), nn.Dropout()), loss, inputs, targets)
