import pytest
import torch
from torch import nn
from torch.func import hessian

from layercurv.curvature import CrossEntropy, SquaredError
from layercurv.curvature.losses import as_loss
from tests.compare import assert_close

torch.manual_seed(0)
CASES = {
    "cross_entropy": (CrossEntropy(), torch.randn(3, 5), torch.tensor([0, 4, 2])),
    "two_classes": (CrossEntropy(), torch.randn(3, 2), torch.tensor([0, 1, 1])),
    "tokens": (CrossEntropy(), torch.randn(2, 3, 4), torch.tensor([[0, 1, 2], [3, 3, 0]])),
    "squared_error": (SquaredError(), torch.randn(3, 4), torch.randn(3, 4)),
    "certain": (CrossEntropy(), torch.tensor([[800.0, 0.0, -800.0], [0.0, 60.0, 0.0]]), torch.tensor([0, 1])),
}


@pytest.mark.parametrize("name", CASES)
def test_root_gradient_and_quadratic_form_are_those_of_the_loss(name):
    loss, outputs, targets = CASES[name]
    outputs = outputs.double()
    targets = targets.double() if targets.is_floating_point() else targets
    columns = torch.stack(list(loss.root_columns(outputs)))  # [columns, N, ...]
    assert len(columns) == loss.n_root_columns(outputs.shape)
    tangents = torch.randn(2, *outputs.shape).double()
    quadratic, gradient = loss.quadratic_form(outputs, tangents), loss.output_gradient(outputs, targets)
    for i in range(len(outputs)):

        def alone(flat, i=i):
            return loss.sum_loss(flat.reshape(1, *outputs.shape[1:]), targets[i : i + 1])

        flat = outputs[i].flatten()
        H = hessian(alone)(flat)
        S = columns[:, i].flatten(1).T
        assert_close(S @ S.T, H, 1e-10, 1e-14, f"{name}, root")
        t = tangents[:, i].flatten(1)
        assert_close(quadratic[:, i], torch.einsum("ki,ij,kj->k", t, H, t), 1e-10, 1e-14, f"{name}, form")
        assert_close(gradient[i].flatten(), torch.func.grad(alone)(flat), 1e-10, 1e-14, f"{name}, gradient")


def test_the_sum_over_samples_is_a_sum_of_means_over_positions():
    loss, outputs, targets = CASES["tokens"]
    expected = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
    assert_close(loss.sum_loss(outputs, targets) / len(outputs), expected, 1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "tokens", "squared_error"])
def test_sampled_columns_have_the_hessian_as_their_mean(name):
    loss, outputs, _ = CASES[name]
    outputs, count = outputs.double(), 20_000
    sampled = torch.stack(list(loss.sampled_columns(outputs, count, torch.Generator().manual_seed(0))))
    columns = torch.stack(list(loss.root_columns(outputs)))
    for i in range(len(outputs)):
        S, drawn = columns[:, i].flatten(1), sampled[:, i].flatten(1)
        products = torch.einsum("sa,sb->sab", drawn, drawn) * count
        error = products.std(0) / count**0.5
        bound = 4.5 * error + 1e-3 * (S.T @ S).abs().max()  # labels of small p are drawn too rarely to know the error
        assert ((products.mean(0) - S.T @ S).abs() <= bound).all(), name


@pytest.mark.parametrize("smoothing", [0.1, 0.2, 0.3])
def test_smoothed_labels_keep_the_precision_of_the_outputs(smoothing):
    z = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    y = torch.tensor([0, 3, 1, 1, 2])
    (expected,) = torch.autograd.grad(nn.functional.cross_entropy(z, y, label_smoothing=smoothing, reduction="sum"), z)
    found = as_loss(nn.CrossEntropyLoss(label_smoothing=smoothing)).output_gradient(z.detach(), y)
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-15)
