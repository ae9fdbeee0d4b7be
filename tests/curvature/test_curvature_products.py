"""Matrices of networks and losses that forward mode cannot do, against dense ones from single gradient entries."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import BatchLoss, CrossEntropy, OutputLoss
from layercurv.curvature.spectrum import MATRICES, curvature_matrix
from layercurv.errors import InputError

SIZES = (5, 3)
CROSS_ENTROPY = nn.CrossEntropyLoss()


def perceptron():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double().eval()


def batches():
    generator = torch.Generator().manual_seed(1)
    draws = [
        (torch.randn(n, 4, generator=generator).double(), torch.randint(3, (n,), generator=generator)) for n in SIZES
    ]
    return draws


def rows(values, weights):
    """The gradient of each value, weights laid end to end: [len(values), D]."""

    def one(value):
        found = torch.autograd.grad(value, weights, retain_graph=True, create_graph=True, allow_unused=True)
        return torch.cat(
            [(torch.zeros_like(w) if g is None else g).flatten() for g, w in zip(found, weights, strict=True)]
        )

    return torch.stack([one(value) if value.requires_grad else value.new_zeros(n_weights(weights)) for value in values])


def n_weights(weights):
    return sum(w.numel() for w in weights)


def mean_loss(model, own, samples):
    return sum(own(model, batch) * len(batch[0]) for batch in samples) / sum(len(batch[0]) for batch in samples)


def dense_hessian(model, own, samples, weights=None):
    weights = weights or list(model.parameters())
    return rows(rows([mean_loss(model, own, samples)], weights)[0], weights).detach()


def dense_ggn(model, samples, weights=None):
    weights = weights or list(model.parameters())
    total = 0
    for x, y in samples:
        z = model(x).flatten()
        J = rows(z, weights).detach()
        loss = torch.autograd.functional.hessian(lambda f, y=y: CROSS_ENTROPY(f.view(len(y), -1), y), z.detach())
        total = total + len(x) * J.T @ loss @ J
    return total / sum(SIZES)


def product(matrix):
    return matrix @ torch.eye(matrix.size, dtype=torch.float64)


def own(model, batch):
    return CROSS_ENTROPY(model(batch[0]), batch[1])


def penalised(model, batch):
    return own(model, batch) + 0.1 * sum(p.pow(4).sum() for p in model.parameters())


def test_the_hessian_of_any_function_of_network_and_batch():
    model = perceptron()
    found = curvature_matrix(model, BatchLoss(penalised, "mean"), batches())
    torch.testing.assert_close(product(found), dense_hessian(model, penalised, batches()), rtol=1e-10, atol=1e-12)
    with pytest.raises(InputError, match="ggn: expected a loss of outputs and targets, got BatchLoss"):
        curvature_matrix(model, BatchLoss(penalised, "mean"), batches(), "ggn")


def test_the_hessian_of_targets_with_weights():
    model = perceptron()
    samples = [(x, (y, torch.linspace(0, 1, len(y)).double())) for x, y in batches()]

    def weighted(outputs, targets):
        return (F.cross_entropy(outputs, targets[0], reduction="none") * targets[1]).mean()

    found = curvature_matrix(model, OutputLoss(weighted, "mean"), samples)
    expected = dense_hessian(model, lambda m, b: weighted(m(b[0]), b[1]), samples)
    torch.testing.assert_close(product(found), expected, rtol=1e-10, atol=1e-12)


class WithIdle(nn.Module):
    """Parameters that take no part, one of them of integers."""

    def __init__(self):
        super().__init__()
        self.net, self.idle = perceptron(), nn.Linear(2, 2).double()
        self.register_parameter("table", nn.Parameter(torch.arange(3), requires_grad=False))

    def forward(self, x):
        return self.net(x)


@pytest.mark.parametrize("matrix", ["hessian", "ggn"])
def test_parameters_that_take_no_part_have_zeros(matrix):
    model = WithIdle().eval()
    weights = [p for p in model.parameters() if p.is_floating_point()]
    samples = batches()
    expected = (
        dense_hessian(model, own, samples, weights) if matrix == "hessian" else dense_ggn(model, samples, weights)
    )
    found = product(curvature_matrix(model, CROSS_ENTROPY, samples, matrix))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_a_shared_parameter_may_be_named_by_any_of_its_names():
    model = perceptron()
    model.add_module("again", nn.Linear(4, 5).double())
    model.again.weight = model[0].weight
    model.forward = lambda x: model[2](model[1](model[0](x)) + model.again(x))
    expected = dense_hessian(model, own, batches(), [model[0].weight])
    for names in ("again.weight", ["again.weight", "0.weight"]):
        found = product(curvature_matrix(model, CROSS_ENTROPY, batches(), parameters=names))
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_a_loss_of_no_second_derivative_has_zeros_and_no_density():
    found = curvature_matrix(
        perceptron(), nn.L1Loss(), [(x, torch.zeros(len(x), 3).double()) for x, _ in batches()], "ggn"
    )
    assert not product(found).any()
    with pytest.raises(InputError, match="is the matrix zero"):
        found.density(n_lanczos=5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_measured_in_float32_and_left_as_it_was(dtype):
    model = perceptron().to(dtype)
    samples = [(x.to(dtype), y) for x, y in batches()]
    found = curvature_matrix(model, CROSS_ENTROPY, samples)
    expected = dense_hessian(copy.deepcopy(model).double(), own, [(x.double(), y) for x, y in samples])
    scale = float(expected.abs().max())
    torch.testing.assert_close(product(found).double(), expected, rtol=0, atol=1e-5 * scale)
    values = torch.linalg.eigvalsh(expected).flip(0)[:2]
    torch.testing.assert_close(found.top(2).values, values, rtol=0, atol=1e-5 * scale)
    assert {p.dtype for p in model.parameters()} == {dtype}


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_network_that_draws_random_numbers_has_no_matrix(matrix):
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = perceptron()

        def forward(self, x):
            return F.dropout(self.net(x), 0.5)

    with pytest.raises(InputError, match="two evaluations of the loss differ"):
        curvature_matrix(Dropping().eval(), CROSS_ENTROPY, batches(), matrix)


def test_weight_normalisation_whose_second_derivative_torch_gets_wrong_is_told():
    torch.manual_seed(0)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 5))
    model = nn.Sequential(normed, nn.Tanh(), nn.Linear(5, 3)).double().eval()
    with pytest.warns(UserWarning, match=r"original1.* weight norm.* off by"):
        curvature_matrix(model, CROSS_ENTROPY, batches())
    found = product(curvature_matrix(model, CROSS_ENTROPY, batches(), "ggn"))  # needs first derivatives only
    torch.testing.assert_close(found, dense_ggn(model, batches()), rtol=1e-10, atol=1e-12)


class Hidden(torch.autograd.Function):
    """A sine whose backward autograd cannot see: for the Jacobian times a vector it would be zero."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, g):
        return (g * ctx.saved_tensors[0].cos()).detach()


@pytest.mark.parametrize("matrix", ["ggn", "fisher", "empirical_fisher"])
def test_a_jacobian_that_autograd_does_not_see_is_one_error(matrix):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.head = nn.Linear(4, 5), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(Hidden.apply(self.a(x)))

    with pytest.raises(InputError, match=r"parameter a\.weight: .*HiddenBackward.*Jacobian is not seen"):
        curvature_matrix(Net().double().eval(), CROSS_ENTROPY, batches(), matrix)


def test_a_loss_that_couples_samples_has_no_empirical_fisher_matrix():
    coupled = OutputLoss(lambda outputs, targets: (outputs - outputs.mean(0)).square().mean(), "mean")
    with pytest.raises(InputError, match="couples the samples"):
        product(curvature_matrix(perceptron(), coupled, batches(), "empirical_fisher"))


@pytest.mark.parametrize("matrix", ["fisher", "empirical_fisher"])
def test_samples_of_several_positions_may_be_flat_or_not(matrix):
    class Positions(nn.Module):
        def __init__(self, is_flat):
            super().__init__()
            self.net, self.is_flat = perceptron(), is_flat

        def forward(self, x):
            return self.net(x).flatten(0, 1) if self.is_flat else self.net(x)

    x, y = torch.randn(4, 3, 4).double(), torch.randint(3, (4, 3))
    flat = curvature_matrix(Positions(True).eval(), CrossEntropy(), [(x, y.flatten())], matrix)
    whole = curvature_matrix(Positions(False).eval(), CrossEntropy(), [(x, y)], matrix)
    torch.testing.assert_close(product(flat), product(whole), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n_lanczos", [2, 3, 10, 30])
@pytest.mark.parametrize("matrix", ["ggn", "empirical_fisher"])
def test_the_density_integrates_to_one_where_most_eigenvalues_are_zero(matrix, n_lanczos):
    grid, density = curvature_matrix(perceptron(), CROSS_ENTROPY, batches(), matrix).density(n_lanczos)
    assert float((density[1:] + density[:-1]) @ (grid[1:] - grid[:-1])) / 2 == pytest.approx(1, abs=1e-3)
